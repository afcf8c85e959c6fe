"""How much of the machine a model may use, from what the machine has.

Pure: numbers in, numbers out. Whatever a machine does not tell counts as enough.
"""

from dataclasses import dataclass

_MIB = 1 << 20
#: Longest first. More than the first takes memory that nothing here asks for; below the last, no question fits.
CONTEXTS = (4096, 2048, 1024)
#: What the process takes besides the file and the context, and what it may take of its own at most.
_PROCESS_MIB, _OWN_MIB_MAX = 200, 768
#: What must stay free for everything else after a model was loaded, and below what a loaded one is given back.
SPARE_MIB, PRESSED_MIB = 512, 256


@dataclass(frozen=True, slots=True)
class Room:
    """What a model gets: processors to try, tokens of context, bytes of its own at most; and what it needs in all."""

    threads: int
    context_tokens: int
    own_bytes: int
    need_mib: int


def room_for(file_bytes: int, kv_bytes: int, context_max: int, processors: int, free_mib: int | None) -> Room | None:
    """What a model gets here; None if there is not enough memory free.

    All processors but one: llama.cpp's threads wait for each other spinning, so one that must share its processor
    with the screen or a sync round holds up all the others. The spare memory keeps a model that was just loaded from
    being given back at once.

    Args:
        file_bytes: size of the model's file.
        kv_bytes: what a token of context takes.
        context_max: the longest context that the model was made for.
        processors: that this program may use.
        free_mib: memory that is free, None if unknown.
    """
    for context in CONTEXTS:
        tokens = min(context, context_max)
        room = _room(file_bytes, kv_bytes * tokens, tokens, max(1, processors - 1))
        if free_mib is None or room.need_mib + SPARE_MIB <= free_mib:
            return room
    return None


def _room(file_bytes: int, context_bytes: int, tokens: int, threads: int) -> Room:
    need_mib = (file_bytes + context_bytes) // _MIB + _PROCESS_MIB
    # Some kinds of weights are laid out anew when they are loaded, and so are there twice.
    own_bytes = file_bytes + context_bytes + _OWN_MIB_MAX * _MIB
    return Room(threads, tokens, own_bytes, need_mib)


def pressed(free_mib: int | None) -> bool:
    """Whether so little memory is free that a loaded model is given back."""
    return free_mib is not None and free_mib < PRESSED_MIB
