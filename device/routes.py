"""Where a question may run: facts in, a recorded decision out, before anything else happens.

Rules
1. A decision is recorded, in the evidence, before a model is asked or a byte leaves; the conversation's class and the
   memory of what was stable are kept in the same transaction.
2. The class of a question is the highest of what its record's fields declare, of what the classifier finds in
   everything that would leave, and of what was ever said in its conversation. What was cut off, or cannot be read,
   is restricted.
3. What another place can do is what the server last said under its signature, until that ends. A refused or forged
   statement is none.
4. A dry decision (`look`) sees the same facts, and leaves no trace.
5. Which bundle decides is what the office rolled out for such a task on this laptop. Those in shadow decide too, on
   the same facts; it is recorded, and nothing else comes of it. A task that began keeps its bundle to its end.
6. The class is found with the rules that are in force for everything, as on the server: what is tried may depend on
   the class, and the class not on what is tried.
7. Whether the organisation approves of this laptop is what its server last said (`device.standing`).

Not handled here: running anything (`device.assist`), what is permitted (`policies`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from device.capability import Laptop
from device.consents import Consents
from device.core.link_state import LOOKED_AT, link_of
from device.core.names import known_names
from device.core.trust import Trust
from device.core.what_if import supposed
from device.evidence import Evidence
from device.model.port import LanguageModel
from device.standing import Standing, refused, standing
from device.store import DeviceStore, Identity
from device.updates.bundles import Judges, Ruling
from policies.bundle import Bundle
from policies.classify import Classified, Vocabulary, classify, vocabulary
from policies.route import choose, class_of
from policies.stability import Stability, see_failure, see_link, settle, steady
from shared import strict_json
from shared.contract import to_instant
from shared.envelope import CAPABILITY_TYPE, BadSignature, WireEnvelope
from shared.ports import Clock
from shared.problems import Code
from shared.routing import (
    BOUNDARIES,
    Boundary,
    Capabilities,
    Capability,
    DataClass,
    Decision,
    Link,
    Purpose,
    Route,
    RouteRequest,
    Tier,
    highest,
)
from shared.vocabulary import Vocabulary as Shorthand

_STABILITY, _SEEN, _CAPABILITIES = "stability", "link_seen", "capabilities"
_REMEMBERED = TypeAdapter(Stability)


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be decided about.

    Args:
        purpose: what it is for.
        words: everything that a model would see of it, and so everything that would leave.
        declared: the highest class of the record fields among the words; None if nobody can say.
        conversation: the job that it belongs to, or the task itself; None for what is never continued.
        task: the id under which it may leave.
        whole: False if the words were cut.
        begun_with: the bundle that decided when its task began; None if it did not begin yet.
    """

    purpose: Purpose
    words: str
    declared: DataClass | None
    conversation: str | None = None
    task: str | None = None
    whole: bool = True
    output_tokens: int = 256
    tools: tuple[str, ...] = ()
    tier: Tier = Tier.BASIC
    within_s: float | None = None
    begun_with: Bundle | None = None


class Routes:
    """Decides for one enrolled laptop. `ruling` says which policies are in force for what."""

    def __init__(
        self,
        store: DeviceStore,
        identity: Identity,
        ruling: Ruling,
        laptop: Laptop,
        consents: Consents,
        evidence: Evidence,
        clock: Clock,
    ) -> None:
        self.ruling, self.laptop, self.consents, self.evidence = ruling, laptop, consents, evidence
        self._store, self._identity, self._clock = store, identity, clock
        #: What marks ids and names besides the ones that are known, if the office gave such a thing out.
        self.vocabulary: Callable[[], Shorthand | None] = lambda: None
        self._vocabulary: Vocabulary | None = None
        self._vocabulary_of: tuple[object, ...] | None = None

    @property
    def bundle(self) -> Bundle:
        """The policies in force for everything that no stage is for."""
        return self.ruling.bundle

    # -- deciding

    def begin(self, question: Question) -> Question:
        """The question as its task begins: whatever is rolled out until it ends, what is in force now decides."""
        with self._store.transaction():
            found, said = self.classified(question).data_class, self._conversation_class(question.conversation)
            judges = self.ruling.judges(question.purpose, highest(found, said), self._identity.device)
        return replace(question, begun_with=judges.bundle)

    def decide(self, question: Question, model: LanguageModel | None, *, kept: bool = False) -> Decision:
        """The recorded decision about `question`.

        Args:
            question: what it is about.
            model: what is loaded in this program.
            kept: whether this laptop's own signed statement counts where nothing is loaded yet.
        """
        with self._store.transaction():
            request, now = self._request(question, model, kept=kept), self._clock.now()
            state = self._seen_link(self._stability(), request.link)
            judges = self._judges(request, question.begun_with)
            decision = self._choose(judges.bundle, request, state, now)
            self.evidence.decided(decision)
            for bundle in judges.shadow:
                self.evidence.shadowed(self._choose(bundle, request, state, now), decision)
            if question.conversation not in {None, question.task}:  # a task alone is never continued
                self._store.raise_conversation(str(question.conversation), decision.data_class)
            self._remember(settle(state, judges.bundle.rules.stability, decision))
        return decision

    def look(
        self,
        question: Question,
        model: LanguageModel | None,
        *,
        kept: bool = False,
        suppose: Mapping[str, str] | None = None,
    ) -> Decision:
        """What would be decided, if things were as supposed; nothing is recorded."""
        with self._store.transaction():
            request, now = self._request(question, model, kept=kept), self._clock.now()
            request = supposed(request, suppose or {}, now)
            state = self._seen_link(self._stability(), request.link)
            if suppose and "link" in suppose:
                state = replace(state, link=request.link, rising=None, rising_since=None)
            return self._choose(self._judges(request, question.begun_with).bundle, request, state, now)

    def again(self, request: RouteRequest, begun_with: Bundle | None = None) -> Decision:
        """What would be decided about exactly these facts now; nothing is recorded."""
        with self._store.transaction():
            state, bundle = self._seen_link(self._stability(), request.link), self._judges(request, begun_with).bundle
            return self._choose(bundle, request, state, self._clock.now())

    def failed(self, place: Boundary) -> None:
        """`place` failed a task that it had taken."""
        with self._store.transaction():
            rules = self.bundle.rules.stability
            self._remember(see_failure(self._stability(), rules, place, self._clock.now()))

    def _judges(self, request: RouteRequest, begun_with: Bundle | None) -> Judges:
        judges = self.ruling.judges(request.purpose, class_of(request), request.device)
        return replace(judges, bundle=begun_with) if begun_with else judges

    @staticmethod
    def _choose(bundle: Bundle, request: RouteRequest, state: Stability, now: datetime) -> Decision:
        rules = bundle.rules.stability
        told = steady(state, rules, conversation=request.conversation, link=request.link, at=now)
        return choose(bundle, request, now, told)

    # -- the facts

    @property
    def approved_days_max(self) -> int:
        """For so many days an approval of this laptop holds without being confirmed."""
        return self.bundle.rules.device.approved_days_max

    def standing(self) -> Standing | None:
        """What the server last said of this laptop."""
        return standing(self._store)

    def _approved(self) -> bool:
        known = self.standing()
        return known is not None and known.approved(self._clock.now(), self.approved_days_max)

    def turned_away(self, code: Code) -> None:
        """The server refused a question with `code`, which may be about this laptop itself."""
        with self._store.transaction():
            refused(self._store, code, self._clock.now())

    def _request(self, question: Question, model: LanguageModel | None, *, kept: bool) -> RouteRequest:
        who = self._identity
        return RouteRequest(
            tenant=who.tenant,
            device=who.device,
            actor=who.actor,
            purpose=question.purpose,
            conversation=question.conversation,
            data_class=self.classified(question).data_class,
            conversation_class=self._conversation_class(question.conversation),
            input_chars=len(question.words),
            output_tokens=question.output_tokens,
            tools=question.tools,
            tier=question.tier,
            within_s=question.within_s,
            device_approved=self._approved(),
            link=self.link(),
            known=self._known(model, kept=kept),
            consents=self.consents.facts(task=question.task, conversation=question.conversation),
        )

    def classified(self, question: Question) -> Classified:
        """The class of a question, and which rules made it so."""
        shorthand = self.vocabulary()
        marked = shorthand.normalise(question.words).marked() if shorthand else ()
        return classify(
            question.words, self._names(), declared=question.declared, whole=question.whole, marked=marked
        )

    def _conversation_class(self, conversation: str | None) -> DataClass:
        return self._store.conversation_class(conversation) if conversation else DataClass.PUBLIC

    def _names(self) -> Vocabulary:
        """What the classifier looks for; worked out again when the records or the policies changed."""
        of = (self._store.generation(), self.bundle.version)
        if self._vocabulary is None or of != self._vocabulary_of:
            who = self._identity
            known = known_names(self._store.replica().values(), who.actor, who.actor_name)
            self._vocabulary = vocabulary(
                self.bundle.rules.classifier, people=known.people, customers=known.customers, ids=known.ids
            )
            self._vocabulary_of = of
        return self._vocabulary

    def link(self) -> Link:
        """How the way to the server is now."""
        online = self._store.meta("link") != "offline"
        return link_of(self._store.latest_exchanges(LOOKED_AT), self._clock.now(), online=online)

    def _known(self, model: LanguageModel | None, *, kept: bool) -> dict[Boundary, Capability]:
        here = self.laptop.loaded(model) if model else self.laptop.told() if kept else None
        known: dict[Boundary, Capability] = {Route.DEVICE: here} if here else {}
        return known | self._elsewhere()

    def _elsewhere(self) -> dict[Boundary, Capability]:
        """What the server last said that other places can do, each until it ends."""
        kept = self._store.meta(_CAPABILITIES)
        told = self._opened(kept.encode()) if kept else None
        if told is None or told.expires_at <= self._clock.now():
            return {}
        return {place: each for place, each in told.places.items() if place is not Route.DEVICE}

    def take_capabilities(self, raw: bytes) -> bool:
        """Keep what the server says that its places can do; whether it is the server's word, for us."""
        told = self._opened(raw)
        if told is not None:
            self._store.set_meta(_CAPABILITIES, raw.decode())
        return told is not None

    def _opened(self, raw: bytes) -> Capabilities | None:
        who = self._identity
        trust = Trust(who.tenant, who.device, self._store.receipt_keys())
        try:
            wire = WireEnvelope.model_validate(strict_json.parse(raw))
            told = Capabilities.model_validate(strict_json.parse(trust.opened(wire, CAPABILITY_TYPE)))
        except (BadSignature, ValueError):
            return None
        return told if told.tenant == who.tenant else None

    # -- what is stable

    def _stability(self) -> Stability:
        kept = self._store.meta(_STABILITY)
        try:
            return _REMEMBERED.validate_json(kept) if kept else Stability()
        except ValidationError:  # of another program: what it remembered is not needed to be right
            return Stability()

    def _seen_link(self, state: Stability, link: Link) -> Stability:
        """`state` after every exchange that it has not seen yet, and the link as it is now."""
        rules, seen = self.bundle.rules.stability, self._store.meta(_SEEN)
        online = self._store.meta("link") != "offline"
        exchanges = self._store.latest_exchanges(4 * LOOKED_AT)
        for place, each in enumerate(exchanges, start=1):
            at = each.began.wall
            if at <= self._clock.now() and (seen is None or at > to_instant(seen)):
                state = see_link(state, rules, link_of(exchanges[:place], at, online=online), at)
        return see_link(state, rules, link, self._clock.now())

    def _remember(self, state: Stability) -> None:
        self._store.set_meta(_STABILITY, _REMEMBERED.dump_json(state).decode())
        self._store.set_meta(_SEEN, self._clock.now().isoformat())


def permitted(decision: Decision) -> tuple[Boundary, ...]:
    """The places that the decision lets the task run at, best first."""
    first = [place for place in BOUNDARIES if place is decision.route]
    return (*first, *decision.fallbacks)
