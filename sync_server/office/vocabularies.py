"""Vocabularies: learned elsewhere from an organisation's history, checked here, and given to its laptops.

Rules
1. What a laptop could not use is refused before it is published.
2. A number is used once and only goes up; laptops take the highest. To go back, the older content is published again.
"""

from shared.commands.base import Role
from shared.problems import Code, Refused
from shared.vocabulary import VOCABULARY_BYTES_MAX, BadVocabulary, Vocabulary
from sync_server.batch import Batch
from sync_server.office.base import OfficePart, permit
from sync_server.store import Tx


class Vocabularies(OfficePart):
    """What laptops read shorthand with."""

    def publish_vocabulary(self, tenant: str, actor: str, raw: bytes) -> int:
        """Publish a vocabulary; its number.

        Raises:
            Refused: it cannot be used, or `actor` may not.
        """
        if len(raw) > VOCABULARY_BYTES_MAX:
            raise Refused(Code.TOO_LARGE, f"a vocabulary has at most {VOCABULARY_BYTES_MAX:,} bytes")
        try:
            entries = Vocabulary.from_bytes(raw).entries
        except BadVocabulary as error:
            raise Refused(Code.MALFORMED, f"this is no vocabulary: {error}") from error

        def work(tx: Tx, batch: Batch) -> int:
            permit(tx, tenant, actor, Role.ADMIN)
            number = self.service.publisher(tx, tenant).publish_vocabulary(raw)
            batch.note(act="vocabulary published", actor=actor, version=number, bytes=len(raw), entries=entries)
            return number

        return self._unit(tenant, work)

    def vocabularies(self, tenant: str) -> dict[int, int]:
        """The numbers of what is published, rising, and their sizes in bytes."""
        with self.service.store.transaction() as tx:
            return self.service.publisher(tx, tenant).vocabularies()
