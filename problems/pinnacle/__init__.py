"""The 22 cases of PINNacle (Hao et al., arXiv 2306.08827), re-stated: one default call each, no recipe.

``PUBLISHED`` is the least relative L2 error, over all components, of about ten methods of the paper (20,000 steps of Adam
or of their own optimizer, on a GPU). Where the benchmark's file of a random field or start is needed, a field of the same
kind is made here from a seed, and the numbers of the two do not compare digit by digit.
"""
