from device.core.trust import Trust
from shared.envelope import HEAD_TYPE, SUCCESSION_TYPE, SigningKey, WireEnvelope, seal
from shared.statements import Head, Succession
from tests.builders import NOW

A, B, C = (SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
PINNED = Trust("t", "TB-01", (A.public.hex(),))


def hand_over(to: SigningKey, by: SigningKey, tenant: str = "t") -> WireEnvelope:
    said = Succession(tenant=tenant, key=to.public.hex(), key_id=to.keyid, at=NOW)
    return seal(SUCCESSION_TYPE, said.to_bytes(), by).to_wire()


def test_keys_are_handed_on_from_one_to_the_next() -> None:
    trust = PINNED.extended([hand_over(B, A), hand_over(C, B)])
    assert trust.keys == tuple(key.public.hex() for key in (A, B, C))
    assert trust.extended([hand_over(B, A), hand_over(C, B)]) == trust
    later = Trust("t", "TB-01", (B.public.hex(),))
    assert later.extended([hand_over(B, A), hand_over(C, B)]).keys == tuple(key.public.hex() for key in (B, C))


def test_only_the_last_key_hands_over() -> None:
    after = PINNED.extended([hand_over(B, A)])
    assert after.extended([hand_over(C, A)]) == after
    assert PINNED.extended([hand_over(C, C)]) == PINNED
    assert PINNED.extended([hand_over(B, A, "other")]) == PINNED


def test_a_head_counts_only_for_this_device() -> None:
    for tenant, device, key, believed in (
        ("t", "TB-01", A, True),
        ("u", "TB-01", A, False),
        ("t", "TB-02", A, False),
        ("t", "TB-01", B, False),
    ):
        head = Head(
            tenant=tenant,
            device=device,
            incarnation=1,
            audit_position=1,
            audit_hash="0" * 64,
            change_seq=1,
            epoch=1,
            received=0,
            received_hash=None,
            settled=0,
            at=NOW,
        )
        assert (PINNED.head(seal(HEAD_TYPE, head.to_bytes(), key).to_wire()) is not None) is believed
