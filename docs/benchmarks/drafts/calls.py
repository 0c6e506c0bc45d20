"""Solvers, and calls with a sound problem."""

from __future__ import annotations

from drafts.draft import Draft

SOUND = """problem = pl.Problem(
    domain=pl.Box(x=(0.0, 1.0), t=(0.0, 1.0)),
    unknowns='u',
    equations=lambda u, k: u.t - k * u.xx,
    conditions=[pl.Initial(u=lambda x: torch.sin(math.pi * x)), pl.Dirichlet(u=0.0)],
    parameters={'k': 0.1},
    velocity=1.0,
)"""
"""A sound problem, for solvers and arguments of solve."""

GOOD_SOLVERS = [
    "pl.PINN()", "pl.CausalPINN()", "pl.HardConstraintMoE()", "pl.MultiDomainPINN(subdomains={'x': (0.5,)})",
    "pl.LagrangianPINN()",
    "pl.PINN(network=pl.MLP(width=5, depth=1), points=40)", "pl.PINN(windows=2)",
    "pl.HardConstraintMoE(experts={'x': 2})",
    "pl.HardConstraintMoE(network=pl.MLP(width=5, depth=1))", "pl.PINN(stages=pl.Adam(steps=2), points=20)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, overlap=0.5)", "pl.CausalPINN(slices=4, points=64)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface=('value', 'flux'), flux=lambda u: u.x)",
]  # fmt: skip
BAD_SOLVERS = [
    "pl.PINN", "3", "'pinn'", "pl.PINN(points=0)", "pl.PINN(points=1.5)", "pl.PINN(points='a')",
    "pl.PINN(points=True)", "pl.PINN(network=3)",
    "pl.PINN(network=pl.MLP)", "pl.PINN(stages=())", "pl.PINN(stages=3)", "pl.PINN(stages=pl.Adam)",
    "pl.PINN(sampling='a')", "pl.PINN(sampling=3)",
    "pl.PINN(sampling=['sobol'])", "pl.PINN(harmonics=0)", "pl.PINN(harmonics='a')", "pl.PINN(harmonics=1.5)",
    "pl.PINN(windows=0)",
    "pl.PINN(windows='a')", "pl.PINN(windows=1.5)", "pl.PINN(windows=None)", "pl.PINN(windows=(0.5, 'a'))",
    "pl.PINN(windows=(math.nan,))",
    "pl.PINN(warm_start='a')", "pl.PINN(warm_start=True)", "pl.PINN(condition_weight=0)",
    "pl.PINN(condition_weight='a')",
    "pl.PINN(condition_weight=math.nan)", "pl.PINN(condition_weight=math.inf)", "pl.PINN(condition_weight=None)",
    "pl.PINN(weighting=3)",
    "pl.PINN(weighting=pl.NTK)", "pl.PINN(boundary_points=-1)", "pl.PINN(condition_weight=10**400)",
    "pl.PINN(nothing=1)", "pl.PINN(windows=True)",
    "pl.CausalPINN(tolerances=())", "pl.CausalPINN(tolerances=3)", "pl.CausalPINN(tolerances=(1, 0))",
    "pl.CausalPINN(tolerances=('a',))",
    "pl.CausalPINN(delta=2)", "pl.CausalPINN(delta='a')", "pl.CausalPINN(slices=1)", "pl.CausalPINN(slices=2.5)",
    "pl.CausalPINN(slices='a')",
    "pl.CausalPINN(initial='a')", "pl.CausalPINN(steps_per_tolerance=0)", "pl.CausalPINN(tolerances=(math.nan,))",
    "pl.CausalPINN(delta=math.nan)",
    "pl.CausalPINN(initial=3)", "pl.CausalPINN(tolerances=(10**400,))", "pl.MultiDomainPINN()",
    "pl.MultiDomainPINN(subdomains=3)",
    "pl.MultiDomainPINN(subdomains={})", "pl.MultiDomainPINN(subdomains={'x': 'a'})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5, 0.5)})",
    "pl.MultiDomainPINN(subdomains={'x': (math.nan,)})", "pl.MultiDomainPINN(subdomains={'q': (0.5,)})",
    "pl.MultiDomainPINN(subdomains={'x': (99.0,)})", "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface=3)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_weight=0)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_weight='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_points=0)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_points='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, flux=3)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, overlap=2)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, overlap='a')",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, network=torch.nn.Linear(2, 1))",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface={'value': 'a'})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface={'value': -1})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface={'value': math.nan})",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_weight=math.inf)",
    "pl.MultiDomainPINN(subdomains={'x': (0.5,)}, interface_points=1.5)",
    "pl.MultiDomainPINN(subdomains={'x': (10**400,)})",
    "pl.MultiDomainPINN(subdomains=pl.Subdomains({'x': (0.5,)}, together=3))",
    "pl.MultiDomainPINN(subdomains=pl.Subdomains({'x': (0.5,)}, together=((0, 9),)))",
    "pl.MultiDomainPINN(subdomains={3: (0.5,)})",
    "pl.LagrangianPINN(trajectory=3)", "pl.LagrangianPINN(network=3)", "pl.LagrangianPINN(weighting='a')",
    "pl.LagrangianPINN(label_diffusion='a')",
    "pl.HardConstraintMoE(experts=3)", "pl.HardConstraintMoE(experts={'x': 'a'})",
    "pl.HardConstraintMoE(experts={'q': 2})",
    "pl.HardConstraintMoE(experts={'x': 0})", "pl.HardConstraintMoE(experts={'x': (99.0,)})",
    "pl.HardConstraintMoE(experts={'x': (0.5, 0.4)})",
    "pl.HardConstraintMoE(experts={'x': ('a',)})", "pl.HardConstraintMoE(degrees={'x': 2})",
    "pl.HardConstraintMoE(degrees={'q': 5})",
    "pl.HardConstraintMoE(degrees=3)", "pl.HardConstraintMoE(tolerance=2)", "pl.HardConstraintMoE(tolerance='a')",
    "pl.HardConstraintMoE(features='a')",
    "pl.HardConstraintMoE(most_experts=0)", "pl.HardConstraintMoE(most_experts='a')",
    "pl.HardConstraintMoE(network=3)", "pl.HardConstraintMoE(basis=0)",
    "pl.HardConstraintMoE(basis='a')", "pl.HardConstraintMoE(coupling='a')",
    "pl.HardConstraintMoE(stages=pl.LevenbergMarquardt())",
    "pl.HardConstraintMoE(ridge=-1)", "pl.HardConstraintMoE(ridge='a')", "pl.HardConstraintMoE(grid=3)",
    "pl.HardConstraintMoE(graded=3)",
    "pl.HardConstraintMoE(graded={'t': 0})", "pl.HardConstraintMoE(search=3)",
    "pl.HardConstraintMoE(condition_weight=-1)",
    "pl.HardConstraintMoE(basis=4, degrees={'x': 5})", "pl.HardConstraintMoE(condition_weight=math.nan)",
    "pl.HardConstraintMoE(experts={'x': True})",
    "pl.HardConstraintMoE(experts={'x': 10**9})", "pl.HardConstraintMoE(experts={'x': (math.nan,)})",
    "pl.HardConstraintMoE(batch=1.5)",
    "pl.HardConstraintMoE(network=pl.MLP(), graded={'q': 2.0})",
    "pl.HardConstraintMoE(network=pl.MLP(), experts={'q': 2})",
    "pl.HardConstraintMoE(network=pl.MLP(), grid={'x': 16})", "pl.HardConstraintMoE(tolerance=math.nan)",
    "pl.HardConstraintMoE(degrees={'x': True})",
    "pl.PINN(network=pl.MLP(width=0))", "pl.PINN(network=pl.MLP(width='a'))", "pl.PINN(network=pl.MLP(depth=-1))",
    "pl.PINN(network=pl.MLP(activation='a'))",
    "pl.PINN(network=pl.MLP(width=1.5))", "pl.PINN(stages=pl.Adam(steps=0))",
    "pl.PINN(stages=pl.Adam(learning_rate='a'))", "pl.PINN(stages=pl.LBFGS(steps=-1))",
    "pl.PINN(stages=pl.LevenbergMarquardt(steps='a'))", "pl.PINN(stages=pl.SSBroyden(steps=None))",
    "pl.PINN(stages=pl.Adam(learning_rate=math.nan))",
    "pl.PINN(stages=pl.SOAP(steps=1.5))", "pl.PINN(weighting=pl.NTK(momentum='a'))",
    "pl.PINN(weighting=pl.GradientNorm(every=0))",
    "pl.PINN(network=torch.nn.Linear(17, 1))", "pl.PINN(network=torch.nn.Linear(2, 17))",
    "pl.PINN(network=pl.FNO())", "pl.PINN(network=torch.nn.ReLU())",
    "pl.PINN(stages=pl.SketchedGaussNewton(steps=0))", "pl.PINN(network=torch.nn.Identity())",
]  # fmt: skip
BAD_SOLVE = [
    "callbacks=None", "callbacks=3", "callbacks=[3]", "callbacks='a'", "callbacks=['a']", "callbacks={'a': 1}",
    "callbacks=lambda: None",
    "callbacks=[lambda: None]", "callbacks=[lambda a, b: None]", "checkpoint=''", "checkpoint=3", "checkpoint=True",
    "checkpoint=[]",
    "checkpoint='/'", "checkpoint=b'a'", "checkpoint='a\\0b'", "checkpoint=pl.Checkpoint('')",
    "checkpoint=pl.Checkpoint(3)",
    "checkpoint=pl.Checkpoint('a', every_seconds=-1)", "checkpoint=pl.Checkpoint('a', every_seconds='a')",
    "checkpoint=pl.Checkpoint",
    "checkpoint=pl.Checkpoint('a', every_seconds=math.nan)", "max_seconds=True", "max_seconds=math.nan",
    "max_seconds='5'", "max_seconds=0",
    "max_seconds=-1", "max_seconds=10**400", "max_seconds=math.inf", "max_seconds=1j", "max_seconds=[5]",
    "max_seconds=np.nan",
    "target_error=0", "target_error='a'", "target_error=math.nan", "target_error=True", "target_error=-1",
    "seed=1.5", "seed=-1",
    "seed='a'", "seed=None", "seed=True", "seed=10**40", "seed=[1]", "device='tpu'", "device=3.5",
    "device='cuda:99'", "device=''", "device=[]",
    "device='meta'", "dtype='float64'", "dtype=torch.int64", "dtype=float", "dtype=np.float64", "dtype=torch.float16",
    "dtype=torch.complex128", "dtype=3", "threads=0", "threads=1.5", "threads='a'", "threads=None", "threads=True",
    "threads=10**9",
    "parallel='a'", "parallel=None", "parallel=3", "parallel=True", "parallel=['auto']", "progress='a'",
    "progress=None", "progress=3", "nothing=1",
    "problem=problem", "start=3", "solver='a'",
]  # fmt: skip
GOOD_SOLVE = [
    "seed=3",
    "seed=np.int64(2)",
    "threads=1",
    "callbacks=[lambda r: None]",
    "callbacks=(lambda r: True,)",
    "dtype=torch.float64",
    "device='cpu'",
]
BAD_REFERENCE_CALLS = [
    "pl.reference_solution(3)", "pl.reference_solution(problem, resolution='a')",
    "pl.reference_solution(problem, resolution=3)",
    "pl.reference_solution(problem, resolution=math.nan)", "pl.reference_solution(problem, tolerance=0)",
    "pl.reference_solution(None)",
    "pl.reference_solution(problem, tolerance='a')", "pl.reference_solution(problem, times='a')",
    "pl.reference_solution(problem, times=3)",
    "pl.reference_solution(problem, times=[math.nan])", "pl.reference_solution(problem, max_seconds='a')",
    "pl.reference_solution(pl.Box)",
    "pl.reference_solution(problem, max_seconds=math.nan)", "pl.reference_solution(problem, resolution=8.5)",
    "pl.reference_solution(problem, max_seconds=-1)", "pl.reference_solution(problem, resolution=math.inf)",
    "pl.reference_solution(problem, resolution=True)", "pl.reference_solution(problem, tolerance=math.nan)",
    "pl.reference_solution(problem, times=[])", "pl.reference_solution(problem, times=[99.0])",
]  # fmt: skip
BAD_MEMBERS = [
    "problem.at(nothing=1.0)", "problem.at(k=None)", "problem.at(k='a')", "problem.at(k=math.nan)",
    "problem.at(k=10**400)", "problem.at(u=1.0)",
    "problem.at(k=[1.0])", "problem.at(k=1j)", "problem.at(3)", "problem.sample(3)", "problem.sample(None)",
    "problem.replace(nothing=1)",
    "problem.replace(unknowns=3)", "problem.replace(domain=None)", "problem.replace(conditions=3)",
    "problem.replace(name=3)",
    "problem.sample(random)", "problem.sample(np.random)", "problem.replace(parameters=3)",
    "problem.replace(equations=[])",
]  # fmt: skip


def call(draft: Draft) -> tuple[str, list[str]]:
    """A call with a sound problem, and what is impossible in it."""
    kind = draft.pick(["solver", "solver", "solver", "solve", "solve", "reference", "member"])
    if kind == "reference":
        return draft.bad(BAD_REFERENCE_CALLS), draft.planted
    if kind == "member":
        return draft.bad(BAD_MEMBERS), draft.planted
    if kind == "solver":
        options = ["max_seconds=0.05", "progress=False"]
        return f"pl.solve(problem, {draft.bad(BAD_SOLVERS)}, {', '.join(options)})", draft.planted
    solver = draft.pick(["pl.PINN(stages=pl.Adam(steps=1), points=20)", "pl.HardConstraintMoE()", "None", "None"])
    options = [f"problem, {solver}", draft.bad(BAD_SOLVE)]
    if not options[1].startswith("max_seconds"):
        options.append("max_seconds=0.05")
    if not options[1].startswith("progress"):
        options.append("progress=False")
    return f"pl.solve({', '.join(options)})", draft.planted
