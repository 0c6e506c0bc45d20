"""The cards of the gallery: problems of the library, and statements, by field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from said import boundaries, found, numbers
from said.statement import Statement

FIELDS = (
    "Heat", "Mechanics", "Flow", "Waves", "Chemistry and biology", "Quantum mechanics", "Finance", "Chaos", "Potentials",
)  # fmt: skip
FORWARD, INVERSE, MEMBER, EIGEN = "forward", "inverse", "member of a family", "eigenvalue"


@dataclass(frozen=True)
class Card:
    """One card.

    Attributes:
        field: one of ``FIELDS``.
        source: label of a problem, for ``pl.load_problem``, or a statement of ``docs/benchmarks/said``.
        title: in a few words.
        task: what is asked.
        member: {parameter: value} of a family.
        at: coordinates that stand still in the picture.
        unknown: which is drawn; the first by default.
    """

    field: str
    source: str | Callable[[], Statement]
    title: str
    task: str = FORWARD
    member: dict[str, float] = field(default_factory=dict)
    at: dict[str, float] = field(default_factory=dict)
    unknown: str = ""

    @property
    def name(self) -> str:
        """Of its picture, and in results."""
        source = self.source if isinstance(self.source, str) else self.source.__name__
        return source.replace("/", "_")


CARDS = (
    Card("Heat", "heat_robin", "A bar that cools"),
    Card("Heat", "heat_family", "A bar with four coefficients", MEMBER, {"a": 1.0, "b": -1.0, "c": 2.0, "d": 0.5}),
    Card("Heat", boundaries.radiation, "A rod that radiates"),
    Card("Heat", boundaries.stored, "A slab in a bath that it warms"),
    Card("Heat", boundaries.contact, "Copper and glass, and a contact that resists"),
    Card("Heat", boundaries.inclusion, "A disc that conducts better than its plate"),
    Card("Heat", boundaries.part_of_a_side, "Held on one half of a side"),
    Card("Heat", found.film, "A heat transfer coefficient from a thermometer", INVERSE),
    Card("Heat", numbers.total_flux, "A side whose total flux is known", INVERSE),
    Card("Heat", numbers.coefficient, "A diffusivity from a few values", INVERSE),
    Card("Heat", "pinnacle/heat_2d_varying", "A plate whose conductivity varies", at={"t": 0.6}),
    Card("Heat", "pinnacle/heat_2d_multiscale", "A plate that conducts along one side", at={"t": 1.0}),
    Card("Heat", "pinnacle/heat_2d_complex", "A plate with seventeen holes", at={"t": 1.0}),
    Card("Heat", "pinnacle/heat_2d_long", "A plate that is heated again and again", at={"t": 20.0}),
    Card("Heat", "pinnacle/heat_5d", "A ball of five dimensions"),
    Card("Heat", "pinnacle/heat_inverse", "A conductivity field from noisy temperatures", INVERSE, unknown="a"),
    Card("Mechanics", boundaries.moment, "A beam on two supports"),
    Card("Mechanics", boundaries.shear, "A cantilever with a load at its end"),
    Card("Mechanics", boundaries.traction, "A plate that is bent by tractions"),
    Card("Mechanics", "modulus_field", "A modulus field from displacements", INVERSE, unknown="E"),
    Card("Flow", "burgers", "A shock that viscosity holds"),
    Card("Flow", "burgers_periodic", "A shock on a circle"),
    Card("Flow", "burgers_family", "A shock of any viscosity", MEMBER, {"nu": 0.004}),
    Card("Flow", "burgers_inverse", "A viscosity from noisy observations", INVERSE),
    Card("Flow", "convection", "What is carried along, c = 50"),
    Card("Flow", "variable_convection", "A speed that varies"),
    Card("Flow", "convection_diffusion", "Carried along and spread"),
    Card("Flow", "advection", "Inflow of any speed", MEMBER, {"b": 12.0}),
    Card("Flow", "swirl", "A swirl that turns back", at={"t": 0.75}),
    Card("Flow", "lid_cavity", "A cavity under a lid, by its stream function"),
    Card("Flow", boundaries.slip, "A pipe of square section with slip"),
    Card("Flow", "decaying_turbulence", "Turbulence that decays", at={"t": 0.2}, unknown="w"),
    Card("Flow", "pinnacle/navier_stokes_cavity", "A cavity in velocities and pressure"),
    Card("Flow", "pinnacle/navier_stokes_step", "A channel over a backward step"),
    Card("Flow", "pinnacle/navier_stokes_long", "A channel that pulsates", at={"t": 2.0}),
    Card("Flow", "pinnacle/burgers_1d", "A shock, as PINNacle has it"),
    Card("Flow", "pinnacle/burgers_2d", "Random waves that steepen", at={"t": 0.5}),
    Card("Waves", "wave", "Two standing waves"),
    Card("Waves", "pinnacle/wave_1d", "Two modes at rest"),
    Card("Waves", "pinnacle/wave_2d_heterogeneous", "A bump in an uneven medium", at={"t": 1.5}),
    Card("Waves", "pinnacle/wave_2d_long", "Standing waves over a hundred periods", at={"t": 100.0}),
    Card("Waves", "kdv", "Solitons from a cosine"),
    Card("Waves", "kdv_family", "Two solitons of any speed", MEMBER, {"c": 4.0}),
    Card("Waves", "helmholtz", "A forced membrane"),
    Card("Waves", boundaries.absorbing, "A pulse that leaves"),
    Card("Waves", numbers.outgoing, "A damped wave that is let out"),
    Card("Waves", numbers.membrane, "The lowest tone of a membrane", EIGEN),
    Card("Chemistry and biology", "allen_cahn", "Phases that separate"),
    Card("Chemistry and biology", "reaction", "A population that saturates", MEMBER, {"r": 6.0}),
    Card("Chemistry and biology", "diffusion_sorption", "Diffusion with sorption", MEMBER, {"u0": 0.1}),
    Card("Chemistry and biology", "gray_scott", "Two substances that make spots", at={"t": 2.0}),
    Card("Chemistry and biology", "pinnacle/gray_scott", "Spots that divide", at={"t": 200.0}),
    Card("Chemistry and biology", found.place, "A reaction that depends on place", INVERSE),
    Card("Chemistry and biology", "lotka_volterra", "Rates of prey and predators from a file", INVERSE),
    Card("Chemistry and biology", "robertson_inverse", "Rates over nine decades from a file", INVERSE),
    Card("Quantum mechanics", numbers.packet, "A wave packet that spreads"),
    Card("Quantum mechanics", numbers.oscillator, "The second state of an oscillator", EIGEN),
    Card("Finance", "black_scholes", "An option, from its payoff"),
    Card("Finance", found.kolmogorov, "An expectation, backwards in time"),
    Card("Chaos", "lorenz", "Lorenz, to t = 20"),
    Card("Chaos", "kuramoto_sivashinsky", "Flames, before they are chaotic"),
    Card("Chaos", "kuramoto_sivashinsky_chaotic", "Flames, chaotic"),
    Card("Chaos", "pinnacle/kuramoto_sivashinsky", "Flames, as PINNacle has them"),
    Card("Potentials", "poisson", "Poisson on a square"),
    Card("Potentials", "poisson_l_shape", "A re-entrant corner"),
    Card("Potentials", "poisson_obstacle", "Around an obstacle, on a mesh of gmsh"),
    Card("Potentials", "poisson_erf", "A box of any steepness", MEMBER, {"s": 20.0}),
    Card("Potentials", "pinnacle/poisson_2d_classic", "A square less four disks"),
    Card("Potentials", "pinnacle/poisson_2d_complex", "Screened, with disks of four sizes"),
    Card("Potentials", "pinnacle/poisson_2d_many_areas", "Twenty-five materials"),
    Card("Potentials", "pinnacle/poisson_3d_complex", "A cube less four balls"),
    Card("Potentials", "pinnacle/poisson_5d", "A cube of five dimensions"),
    Card("Potentials", "pinnacle/poisson_inverse", "A permeability field from noisy heads", INVERSE, unknown="a"),
)  # fmt: skip
