"""Which of a laptop's requests were its own idea."""

from simulators.rig.people import ROUNDS, unprompted


def test_what_a_person_does_explains_a_few_requests_after_it_and_no_more() -> None:
    storm = [float(at) for at in range(10, 30)]
    assert unprompted(storm, [10.0]) == tuple(storm[ROUNDS:])
    assert unprompted(storm, [10.0, 10.0, 10.5]) == tuple(storm[ROUNDS + 1 :])
    assert unprompted(storm, storm) == ()
    assert unprompted(storm, []) == unprompted(storm, [30.0]) == tuple(storm)
    assert unprompted([], [1.0]) == ()
