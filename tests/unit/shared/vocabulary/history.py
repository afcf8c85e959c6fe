"""A made-up history in the form that vocabularies are learned from: the shorthand of an imaginary waterworks."""

from itertools import cycle, islice

from shared.vocabulary import Note, Vocabulary, read_history

_ASSETS = tuple(f"{letters}{number}" for letters in ("QA", "QB", "QC") for number in range(101, 121))
_THINGS = (
    ("INLT FLTR", "inlet filter"),
    ("MECH SEAL", "mechanical seal"),
    ("DISCH VLV", "discharge valve"),
    ("MTR BRG", "motor bearing"),
    ("O RING", "o-ring|"),
    ("CPLG GRD", "coupling guard"),
    ("LVL SNSR", "level sensor"),
)
_WORK = (("REPL", "replace"), ("C/O", "change out"), ("INSP", "inspect"), ("CLN", "clean"), ("RPR", "repair"))
_ENDS = (
    ("500 HR", "<num> hour"),
    ("@ PIT", "at pit"),
    ("ASAP", "ASAP"),
    ("12/06/19", "<date>"),
    ("Orinoco", "<sensitive>"),
)


def made_up(notes: int = 600) -> str:
    """That many notes in rows of ever the same words, in ever other company."""
    rows = zip(cycle(_ASSETS), cycle(_WORK), cycle(_THINGS), cycle(_ENDS), strict=False)
    return "\n\n".join(_note(asset, *parts) for asset, *parts in islice(rows, notes)) + "\n"


def _note(asset: str, *parts: tuple[str, str]) -> str:
    lines = [f"{asset}\t<id>"]
    for words, normal in parts:
        said, forms = words.split(), normal.split("|") if "|" in normal else normal.split()
        if len(said) == 1:
            forms = [normal]
        lines += [f"{word}\t{form}" for word, form in zip(said, forms, strict=True)]
    return "\n".join(lines)


NOTES: tuple[Note, ...] = read_history(made_up().encode())
VOCABULARY = Vocabulary.learned(NOTES)
RAW = VOCABULARY.to_bytes()
