"""Species that lists of different years call by different scientific names.

A line of ``_SYNONYMS`` holds two names of one species, or two genera between which species moved without another
change of their names. Sources: the yearly updates of the eBird/Clements checklist from 2019 to 2025, and the names that
BirdNET 2.4 has.
"""

from collections import defaultdict
from functools import cache

_SYNONYMS = """
Curruca = Sylvia
Astur = Accipiter
Tachyspiza = Accipiter
Anarhynchus = Charadrius
Botaurus = Ixobrychus
Coloeus = Corvus
Dryobates = Picoides
Dryobates = Dendrocopos
Dendrocoptes = Dendrocopos
Dendrocoptes = Leiopicus
Leuconotopicus = Dryobates
Setophaga = Dendroica
Leiothlypis = Oreothlypis
Leiothlypis = Vermivora
Mareca = Anas
Spatula = Anas
Sibirionetta = Anas
Linaria = Carduelis
Chloris = Carduelis
Acanthis = Carduelis
Spinus = Carduelis
Cyanistes = Parus
Periparus = Parus
Lophophanes = Parus
Poecile = Parus
Chroicocephalus = Larus
Ichthyaetus = Larus
Leucophaeus = Larus
Hydrocoloeus = Larus
Sternula = Sterna
Thalasseus = Sterna
Hydroprogne = Sterna
Onychoprion = Sterna
Hydrobates = Oceanodroma
Ardenna = Puffinus
Spilopelia = Streptopelia
Patagioenas = Columba
Cecropis = Hirundo
Chlorophonia = Euphonia
Melanospiza = Tiaris
Microcarbo = Phalacrocorax
Gulosus = Phalacrocorax
Ceryle = Megaceryle
Lyrurus = Tetrao
Ardea ibis = Bubulcus ibis
Calidris pugnax = Philomachus pugnax
Calidris falcinellus = Limicola falcinellus
Corthylio calendula = Regulus calendula
Delichon urbicum = Delichon urbica
Emberiza calandra = Miliaria calandra
Nannopterum auritum = Phalacrocorax auritus
Nannopterum brasilianum = Phalacrocorax brasilianus
Astur atricapillus = Accipiter gentilis
Corvus cornix = Corvus corone
Tyto furcata = Tyto alba
Acanthis cabaret = Acanthis flammea
Acanthis hornemanni = Acanthis flammea
Troglodytes musculus = Troglodytes aedon
Numenius hudsonicus = Numenius phaeopus
Setophaga aestiva = Setophaga petechia
Larus smithsonianus = Larus argentatus
Ptyonoprogne rupestris = Hirundo rupestris
Tachymarptis melba = Apus melba
Tetrastes bonasia = Bonasa bonasia
"""


@cache
def _pairs() -> dict[str, tuple[str, ...]]:
    """The other names of each species and genus, in lower case."""
    pairs = defaultdict(list)
    for line in _SYNONYMS.strip().lower().splitlines():
        first, _, second = line.partition(" = ")
        pairs[first].append(second)
        pairs[second].append(first)
    return {name: tuple(others) for name, others in pairs.items()}


def other_names(scientific_name: str) -> tuple[str, ...]:
    """The names that other lists may give a species, in lower case; species' own synonyms before moved genera.

    ``other_names("Curruca communis")`` is ``("sylvia communis",)``.
    """
    name = " ".join(scientific_name.lower().split())
    genus, _, rest = name.partition(" ")
    moved = tuple(f"{other} {rest}" for other in _pairs().get(genus, ()) if rest)
    return (*_pairs().get(name, ()), *moved)
