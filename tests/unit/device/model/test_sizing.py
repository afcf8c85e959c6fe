from device.model.sizing import CONTEXTS, PRESSED_MIB, SPARE_MIB, pressed, room_for

MIB = 1 << 20


def test_one_processor_is_left_for_the_screen() -> None:
    rooms = [room_for(100 * MIB, 23040, 8192, processors, None) for processors in (1, 2, 16)]
    assert [room.threads for room in rooms if room] == [1, 1, 15]


def test_the_context_is_as_long_as_memory_and_model_allow() -> None:
    kv = 128 << 10  # of a model with 7B parameters
    contexts = {
        free: room and room.context_tokens
        for free in (9000, 5400, 5100, 4000)
        if [room := room_for(4000 * MIB, kv, 32768, 8, free)]
    }
    assert contexts == {9000: CONTEXTS[0], 5400: CONTEXTS[0], 5100: CONTEXTS[1], 4000: None}
    short = room_for(100 * MIB, 23040, 512, 2, None)
    assert short is not None
    assert short.context_tokens == 512


def test_a_model_that_was_just_loaded_is_not_given_back_at_once() -> None:
    """Bounded: loading needs more free memory than what, after it, makes a model be given back."""
    room = room_for(100 * MIB, 23040, 8192, 2, 100_000)
    assert room is not None
    least = room.need_mib + SPARE_MIB
    assert room_for(100 * MIB, 23040, 8192, 2, least) is not None
    assert not pressed(least - room.need_mib)
    assert SPARE_MIB > PRESSED_MIB
    assert pressed(PRESSED_MIB - 1)
    assert not pressed(None)


def test_its_own_memory_is_bounded_by_its_size() -> None:
    room = room_for(100 * MIB, 23040, 8192, 2, None)
    assert room is not None
    assert room.own_bytes < 1100 * MIB
