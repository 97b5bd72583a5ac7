"""Embedded ears: what can be said by pocketsphinx and Moonshine together, free speech by Moonshine alone.

A grammar of what can be said always finds something in any speech. So others judge what it found. Moonshine,
where it is installed, writes down what it hears, tells how well the sentences of the grammar fit, and may
know a better one. Without it there are a trigram over the same sentences, which may put words together that
no sentence has, and bare phones, which know no words; then closed commands are heard and nothing else.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from threading import Lock
from typing import TYPE_CHECKING, Literal

from voice import judging
from voice.audio import Audio, VoiceError
from voice.endpointing import trim
from voice.grammar import (
    AFTER,
    BEFORE,
    Plan,
    Walk,
    is_place,
    joined,
    phrase_word,
    phrases_of,
    tokens_of,
    value_network,
)
from voice.jsgf import GrammarError
from voice.memory import give_back
from voice.moonshine import MOST_SECONDS
from voice.network import Network
from voice.pronouncing import is_mistakable, spoken
from voice.sampling import Sample
from voice.together import Proposals, Sound, Together, without_tail
from voice.transcriber import Transcript, Vocabulary
from voice.trigram import arpa

if TYPE_CHECKING:
    from voice.moonshine import Moonshine
    from voice.sphinx import Decoder, Heard

_SOUNDS_A_NAME = 4
_MOST_NAMES = 5_000
"""Names of a kind that are listened for; the most important come first."""
_CROWD = 60
"""Names of a kind that are many."""


class EmbeddedTranscriber:
    """Hears what a `Vocabulary` holds, and free speech where it has Moonshine. Threads wait for each other.

    ``confidence`` is the probability that ``text`` means what was said, of any speech that gets past the
    ears; see `voice.judging`. ``second`` is what else it may be, where that is not certain.
    """

    name = "embedded"

    def __init__(self, moonshine: "Moonshine | None" = None) -> None:
        """Load the model, in a few tenths of a second. Raises `VoiceError` (``ears_unavailable``)."""
        self.hears: Literal["commands", "anything"] = "commands" if moonshine is None else "anything"
        try:
            from voice.sphinx import Decoder
        except ImportError as error:
            raise VoiceError("ears_unavailable", "pocketsphinx is not installed.", "Install it.") from error
        self._decoder: Decoder = Decoder()
        self._moonshine = moonshine
        self._together: Together | None = None
        self._lock = Lock()
        self._ready: Vocabulary | None = None
        self._sentences: _Sentences | None = None
        self._counted: Sample | None = None
        self._names: _Spoken | None = None
        self._walk: Walk | None = None

    def prepare(self, vocabulary: Vocabulary) -> None:
        """Get ready for a vocabulary; `transcribe` does so too, where another one was used before."""
        with self._lock:
            self._prepare(vocabulary)

    def transcribe(self, audio: Audio, vocabulary: Vocabulary) -> Transcript:
        """Hear one command. Raises `VoiceError`: ``no_speech``, ``not_understood``."""
        transcript = self.consider(audio, vocabulary).transcript
        if self.is_understood(transcript):
            return transcript
        raise VoiceError(
            "not_understood",
            "I heard speech, but could not make out the words.",
            "Say it again, nearer to the microphone, or in other words; Whisper hears better.",
        )

    def is_understood(self, transcript: Transcript) -> bool:
        """Whether something was heard that is worth telling."""
        if self._moonshine is None:
            least = judging.LEAST
        else:
            least = judging.LEAST_ASKED if transcript.is_whole else judging.LEAST_FREE
        return bool(transcript.text) and transcript.confidence >= least

    def consider(self, audio: Audio, vocabulary: Vocabulary, *, thorough: bool = False) -> "Considered":
        """What was heard, however unlikely, and what its confidence comes from. Raises ``no_speech``.

        ``thorough``: pocketsphinx is asked even where Moonshine alone is sure.
        """
        speech = trim(audio)
        with self._lock:
            self._prepare(vocabulary)
            if self._walk is None or self._names is None:
                raise VoiceError("ears_unavailable", "There is nothing that can be said.", "")
            if self._moonshine is None or self._together is None:
                return self._by_sphinx(speech, self._walk, self._names)
            if speech.seconds > MOST_SECONDS:
                raise VoiceError(
                    "not_understood",
                    f"I can follow {MOST_SECONDS:.0f} seconds of speech at most.",
                    "Say it in fewer words, or set up Whisper.",
                )
            try:
                return self._by_both(speech, self._moonshine, self._together, thorough=thorough)
            finally:
                give_back()

    def _by_sphinx(self, speech: Audio, walk: Walk, names: "_Spoken") -> "Considered":
        heard = self._decoder.hear(speech, walk.follows)
        heard = replace(heard, trigram=names.apart(heard.trigram))
        words = self._words(heard, walk, names)
        found = judging.traits(heard)
        sure = judging.confidence(found) if words.said else 0.0
        transcript = Transcript(words.text, self.name, sure, words.second, speech.seconds, is_whole=True)
        return Considered(transcript)

    def _by_both(
        self, speech: Audio, moonshine: "Moonshine", together: Together, *, thorough: bool
    ) -> "Considered":
        sound = Sound.of(speech, moonshine)
        free = sound.written[0].text
        written = "" if thorough else self._sentence(free)
        said = together.said(speech) if _is_mistakable(written) else None
        if written and (said is None or self._text(said) == written):
            return Considered(self._told(written, judging.WRITTEN_FREELY, speech))
        sound, stages = self._weighed(sound, moonshine, together, said, thorough=thorough)
        best, freedom = stages[-1], judging.freedom(sound.written)
        freely = judging.freely(freedom)
        is_written = freely >= judging.LEAST_FREE
        if best.name != "both" and best.is_clear:
            transcript = self._told(best.text, best.sure, speech)
        elif best.name != "both" or best.sure < (judging.LEAST_LIKELY if is_written else judging.LEAST_ASKED):
            transcript = Transcript(free, self.name, freely, None, speech.seconds)
        else:
            is_other = best.sure < judging.LEAST_LIKELY or (
                best.sure < judging.FAIRLY and freely >= judging.SURELY_FREE
            )
            other = free if is_other else self._text(best.proposals.other)
            transcript = self._told(best.text, best.sure, speech, None if _is_alone(best) else other)
        return Considered(transcript, stages, free, freedom)

    def _weighed(
        self,
        sound: Sound,
        moonshine: "Moonshine",
        together: Together,
        said: tuple[str, ...] | None,
        *,
        thorough: bool,
    ) -> "tuple[Sound, tuple[Stage, ...]]":
        """What is made of a sound, by as many as need to listen, pocketsphinx maybe already: ``said``."""
        stages = [Stage("first", together.first(sound), self._text, judging.likely_first)]
        if thorough or not _is_settled(stages[-1], sound):
            sound = sound.again(moonshine)
            again = together.again(sound, stages[-1].proposals)
            stages.append(Stage("again", again, self._text, judging.likely_again))
            if thorough or not _is_settled(stages[-1], sound):
                stages.append(Stage("both", together.both(sound, again, said), self._text, judging.likely))
        return sound, tuple(stages)

    def _told(self, text: str, sure: float, speech: Audio, second: str | None = None) -> Transcript:
        return Transcript(text, self.name, sure, second, speech.seconds, is_whole=True)

    def _sentence(self, text: str) -> str:
        """The sentence that can be said in whose words a text is; empty where there is none."""
        said = spoken(text.replace("'s ", " 's "))
        if self._walk is None or self._names is None or not self._walk.holds(said, self._names.parts):
            return ""
        return joined(self._names.spelled(said))

    def _text(self, words: Iterable[str]) -> str:
        labels = {} if self._walk is None else self._walk.labels
        return joined(labels.get(word, word) for word in words)

    def guess(self, audio: Audio, vocabulary: Vocabulary) -> str:
        """As `Transcriber.guess`: what Moonshine writes, or the trigram's words."""
        if self._moonshine is not None:
            return self._moonshine.listen(audio).write().text
        with self._lock:
            self._prepare(vocabulary)
            if self._names is None:
                return ""
            return joined(self._names.spelled(self._names.apart(self._decoder.glance(audio))))

    def holds(self, text: str, vocabulary: Vocabulary) -> bool:
        """Whether ``text`` is one of the sentences that can be heard."""
        with self._lock:
            self._prepare(vocabulary)
            return bool(self._sentence(text))

    def _words(self, heard: "Heard", walk: Walk, names: "_Spoken") -> "Words":
        grammar = tuple(piece.text for piece in heard.grammar)
        whole, said = self._text(grammar), without_tail(grammar, walk)
        other = joined(names.spelled(heard.trigram))
        if said:
            return Words(said, self._text(said), other)
        # The grammar lost its way; the trigram may have said one of its sentences all the same.
        if not walk.holds(heard.trigram, names.parts):
            return Words((), "", other)
        return Words(heard.trigram, other, whole)

    def _prepare(self, vocabulary: Vocabulary) -> None:
        if vocabulary is self._ready:
            return
        known = self._ready
        if (
            self._sentences is None
            or known is None
            or known.patterns != vocabulary.patterns
            or known.values != vocabulary.values
            or set(known.names) != set(vocabulary.names)
        ):
            self._sentences, self._counted = _Sentences(vocabulary, self._decoder), None
        names = _Spoken(vocabulary, self._sentences, self._decoder)
        crowded, endless = _crowded(vocabulary), self._sentences.networks
        self._walk = self._sentences.plan(crowded).walk(names.words, endless, names.labels)
        if self._moonshine is None:
            self._decoder.take_walk(self._walk)
            if self._counted is None:
                self._counted = Sample(vocabulary, self._sentences.said, self._sentences.listed)
            self._decoder.take_trigram(arpa(self._counted.with_names(names.spoken)))
        else:
            # pocketsphinx looks at every state in each frame, so it gets fewer, at the price of some
            # sentences that cannot be said.
            wide = self._sentences.plan(crowded | set(endless)).walk(names.words, endless, names.labels)
            self._decoder.take_walk(wide)
            self._together = Together(self._walk, self._moonshine, self._decoder)
        self._names = names
        self._ready = vocabulary
        give_back()


class Stage:
    """What was made of an utterance when so many had listened."""

    def __init__(
        self,
        name: Literal["first", "again", "both"],
        proposals: Proposals,
        text_of: Callable[[Iterable[str]], str],
        likely: Callable[[judging.Likeness], float],
    ) -> None:
        self.name, self.proposals = name, proposals
        self.text = text_of(proposals.best)
        """The sentence that fits best."""
        self.sure = 0.0 if proposals.likeness is None else likely(proposals.likeness)
        """The probability that it means what was said."""

    @property
    def is_clear(self) -> bool:
        """Whether nobody need be asked further: numbers that sound alike must be heard by both."""
        return self.sure >= judging.CLEAR and not _is_mistakable(self.text)


@dataclass(frozen=True)
class Considered:
    """What was heard and why it is believed."""

    transcript: Transcript
    stages: tuple[Stage, ...] = ()
    """What was made of it in between, where Moonshine listens."""
    written: str = ""
    """What Moonshine writes freely."""
    freedom: "judging.Freedom | None" = None
    """What tells whether that is right, where it listened twice."""

    @property
    def is_free(self) -> bool:
        """Whether it is free speech rather than one of the sentences that can be said."""
        return not self.transcript.is_whole


@dataclass(frozen=True)
class Words:
    """What was heard, in words."""

    said: tuple[str, ...]
    """What is taken as said; nothing where nothing fits."""
    text: str
    second: str


class _Sentences:
    """What stays the same while names come and go."""

    def __init__(self, vocabulary: Vocabulary, decoder: "Decoder") -> None:
        self.networks: dict[str, Network] = {}
        self.listed: dict[str, tuple[str, ...]] = {}
        words = {word for phrase in (*BEFORE, *AFTER) for word in phrase.split()}
        for kind, jsgf in vocabulary.values.items():
            try:
                network = value_network(jsgf)
            except GrammarError as error:
                raise VoiceError("ears_unavailable", f"The grammar of {kind}: {error}", "") from error
            words |= {word for _, _, word in network.arcs}
            phrases = phrases_of(network)
            if phrases is None:
                self.networks[kind] = network
            else:
                self.listed[kind] = phrases
        kinds = {*vocabulary.values, *(kind for kind, names in vocabulary.names.items() if names)}
        words |= {token for one in vocabulary.patterns for token in spoken_tokens(one)}
        unsayable = decoder.learn_spoken(words)
        self._patterns = [
            one for one in vocabulary.patterns if not unsayable.intersection(spoken_tokens(one))
        ]
        self._kinds = kinds
        self._plans: dict[frozenset[str], Plan] = {}
        self.said = self.plan(_crowded(vocabulary)).sentences
        if not self.said:
            raise VoiceError("ears_unavailable", "There is nothing that can be said.", "")
        listed = (phrase for phrases in self.listed.values() for phrase in phrases)
        self.phrases = tuple(dict.fromkeys((*listed, *BEFORE, *AFTER)))

    def plan(self, crowded: frozenset[str]) -> Plan:
        """The network where these kinds have many names or values."""
        if crowded not in self._plans:
            self._plans[crowded] = Plan(self._patterns, self._kinds, crowded)
        return self._plans[crowded]


class _Spoken:
    """The live names, and the listed values, as words of the network."""

    def __init__(self, vocabulary: Vocabulary, sentences: _Sentences, decoder: "Decoder") -> None:
        self.words: dict[str, list[str]] = {}
        """By kind, the network's words."""
        self.labels: dict[str, str] = {}
        self.parts: dict[str, tuple[str, ...]] = {}
        """The spoken words of a network's word."""
        self.spoken: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        """By kind, the live names as the trigram takes them: one word each."""
        self._spellings: dict[tuple[str, ...], str] = {}
        for phrase in sentences.phrases:
            self._add(phrase, tuple(phrase.split()), decoder)
        for kind, phrases in sentences.listed.items():
            self.words[kind] = [phrase_word(phrase) for phrase in phrases]
        said = {
            kind: [(name, spoken(name)) for name in names[:_MOST_NAMES]]
            for kind, names in vocabulary.names.items()
        }
        unsayable = decoder.learn_spoken(
            {part for names in said.values() for _, one in names for part in one}
        )
        for kind, names in said.items():
            words = self.words.setdefault(kind, [])
            for name, parts in names:
                if not parts or unsayable.intersection(parts):
                    continue
                words.append(self._add(name, parts, decoder))
                self.spoken[kind].append((words[-1],))
            self.words[kind] = list(dict.fromkeys(words))

    def _add(self, text: str, parts: tuple[str, ...], decoder: "Decoder") -> str:
        word = phrase_word(" ".join(parts))
        if word not in self.labels:
            self.labels[word] = text
            self.parts[word] = parts
            if not decoder.knows(word):
                sounds = product(*(decoder.sounds_of(part) for part in parts))
                decoder.learn({word: [" ".join(one) for one in islice(sounds, _SOUNDS_A_NAME)]})
            if text != " ".join(parts):
                self._spellings[parts] = text
        return word

    def apart(self, words: Sequence[str]) -> tuple[str, ...]:
        """Words with those that stand for several taken apart."""
        return tuple(part for word in words for part in self.parts.get(word, (word,)))

    def spelled(self, words: Sequence[str]) -> Iterator[str]:
        """The words with names in them spelled as they are written where that differs: "Studio 54"."""
        longest = max(map(len, self._spellings), default=0)
        at = 0
        while at < len(words):
            for size in range(min(longest, len(words) - at), 0, -1):
                text = self._spellings.get(tuple(words[at : at + size]))
                if text is not None:
                    yield text
                    at += size
                    break
            else:
                yield words[at]
                at += 1


def _is_settled(stage: Stage, sound: Sound) -> bool:
    """Whether nobody need be asked further: a clear sentence, or surely free speech."""
    is_unlike = stage.sure < judging.HOPELESS
    return stage.is_clear or (
        is_unlike and judging.freely(judging.freedom(sound.written)) >= judging.SURELY_FREE
    )


def _is_alone(stage: Stage) -> bool:
    """Whether no second opinion is needed when all have listened."""
    found = stage.proposals
    is_agreed = found.said == found.best or not _is_mistakable(stage.text)
    is_ahead = found.likeness is not None and found.likeness.margin >= judging.AHEAD
    return stage.sure >= judging.ALONE and is_agreed and is_ahead


def _is_mistakable(text: str) -> bool:
    """Whether there is a number in a text that two must have heard."""
    return any(map(is_mistakable, spoken(text)))


def _crowded(vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset(kind for kind, names in vocabulary.names.items() if len(names) > _CROWD)


def spoken_tokens(pattern: str) -> tuple[str, ...]:
    """The words of a pattern without its places."""
    return tuple(token for token in tokens_of(pattern) if not is_place(token))
