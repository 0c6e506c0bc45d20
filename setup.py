"""Which packages are installed; everything else stands in pyproject.toml."""

from setuptools import find_packages, setup

# problems/ at the top of the source tree is pinnlab.problems, in place of the door in pinnlab/problems
setup(packages=find_packages(include=["pinnlab", "pinnlab.*"]), package_dir={"pinnlab.problems": "problems"})
