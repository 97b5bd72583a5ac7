"""Embedded ears: closed commands by pocketsphinx, which needs no download.

A grammar of what can be said always finds something in any speech. So two other ways of listening judge what
it found: a trigram over the same sentences, which may put words together that no sentence has, and bare
phones, which know no words. What they make of it together gives the confidence.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, product
from random import Random
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
from voice.jsgf import GrammarError, parse
from voice.network import Network
from voice.pronouncing import spoken
from voice.transcriber import Transcript, Vocabulary
from voice.trigram import Counts, arpa

if TYPE_CHECKING:
    from voice.sphinx import Decoder, Heard

_SEED = 11
_DRAWS = 3
"""How often a sentence with places is counted for the trigram, with other values each time."""
_DRAWS_A_NAME = 3
_SAMPLES = 300
"""Values of an endless kind that are drawn beforehand."""
_SOUNDS_A_NAME = 4
_MOST_NAMES = 5_000
"""Names of a kind that are listened for; the most important come first."""
_CROWD = 60
"""Names of a kind that are many."""
_LONGEST_TAIL = 3


class EmbeddedTranscriber:
    """Hears what a `Vocabulary` holds, and nothing else. Threads wait for each other.

    ``confidence`` is the probability that ``text`` is what was said, word for word, of any speech that gets
    past the ears; see `voice.judging`. ``second`` is the trigram's text.
    """

    name = "embedded"
    hears: Literal["commands", "anything"] = "commands"

    def __init__(self) -> None:
        """Load the model, in a few tenths of a second. Raises `VoiceError` (``ears_unavailable``)."""
        try:
            from voice.sphinx import Decoder
        except ImportError as error:
            raise VoiceError("ears_unavailable", "pocketsphinx is not installed.", "Install it.") from error
        self._decoder: Decoder = Decoder()
        self._lock = Lock()
        self._ready: Vocabulary | None = None
        self._sentences: _Sentences | None = None
        self._names: _Spoken | None = None
        self._walk: Walk | None = None

    def prepare(self, vocabulary: Vocabulary) -> None:
        """Get ready for a vocabulary; `transcribe` does so too, where another one was used before."""
        with self._lock:
            self._prepare(vocabulary)

    def transcribe(self, audio: Audio, vocabulary: Vocabulary) -> Transcript:
        """Hear one command. Raises `VoiceError`: ``no_speech``, ``not_understood``."""
        transcript, _ = self.consider(audio, vocabulary)
        if not transcript.text or transcript.confidence < judging.LEAST:
            raise VoiceError(
                "not_understood",
                "I heard speech, but none of the commands I can hear.",
                "Say it in other words, or set up Whisper for free speech.",
            )
        return transcript

    def consider(self, audio: Audio, vocabulary: Vocabulary) -> "tuple[Transcript, judging.Traits]":
        """What was heard, however unlikely, and what its confidence comes from. Raises ``no_speech``."""
        speech = trim(audio)
        heard, words = self._listen(speech, vocabulary)
        found = judging.traits(heard)
        transcript = Transcript(
            text=words.text,
            engine=self.name,
            confidence=judging.confidence(found) if words.said else 0.0,
            second=words.second,
            seconds=speech.seconds,
        )
        return transcript, found

    def guess(self, audio: Audio, vocabulary: Vocabulary) -> str:
        """As `Transcriber.guess`: the trigram's words."""
        with self._lock:
            self._prepare(vocabulary)
            return (
                ""
                if self._names is None
                else joined(self._names.spelled(self._names.apart(self._decoder.glance(audio))))
            )

    def holds(self, text: str, vocabulary: Vocabulary) -> bool:
        """Whether ``text`` is one of the sentences that can be heard."""
        with self._lock:
            self._prepare(vocabulary)
            if self._walk is None or self._names is None:
                return False
            return self._walk.holds(spoken(text.replace("'s ", " 's ")), self._names.parts)

    def _listen(self, speech: Audio, vocabulary: Vocabulary) -> "tuple[Heard, Words]":
        with self._lock:
            self._prepare(vocabulary)
            if self._walk is None or self._names is None:
                raise VoiceError("ears_unavailable", "There is nothing that can be said.", "")
            heard = self._decoder.hear(speech, self._walk.follows)
            heard = replace(heard, trigram=self._names.apart(heard.trigram))
            return heard, self._words(heard, self._walk, self._names)

    def _words(self, heard: "Heard", walk: Walk, names: "_Spoken") -> "Words":
        said = [piece.text for piece in heard.grammar]
        whole = joined(walk.labels.get(word, word) for word in said)
        for _ in range(_LONGEST_TAIL):
            if not said or walk.follows(said):
                break
            said.pop()
        other = joined(names.spelled(heard.trigram))
        if not said or not walk.follows(said):
            # The grammar lost its way; the trigram may have said one of its sentences all the same.
            if not walk.holds(heard.trigram, names.parts):
                return Words((), "", other)
            return Words(heard.trigram, other, whole)
        return Words(tuple(said), joined(walk.labels.get(word, word) for word in said), other)

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
            self._sentences = _Sentences(vocabulary, self._decoder)
        names = _Spoken(vocabulary, self._sentences, self._decoder)
        self._walk = self._sentences.plan(_crowded(vocabulary)).walk(
            names.words, self._sentences.networks, names.labels
        )
        self._decoder.take_walk(self._walk)
        self._decoder.take_trigram(arpa(self._sentences.counted(names)))
        self._names = names
        self._ready = vocabulary


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
        self._random = Random(_SEED)  # noqa: S311 - reproducible, not secret
        self.samples: dict[str, list[tuple[str, ...]]] = {}
        self.networks: dict[str, Network] = {}
        self.listed: dict[str, tuple[str, ...]] = {}
        self.listed_words: dict[str, list[tuple[str, ...]]] = {}
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
                grammar = parse(jsgf)
                self.samples[kind] = [grammar.draw(self._random) for _ in range(_SAMPLES)]
            else:
                self.listed[kind] = phrases
                self.listed_words[kind] = [tuple(phrase.split()) for phrase in phrases]
        kinds = {*vocabulary.values, *(kind for kind, names in vocabulary.names.items() if names)}
        words |= {token for one in vocabulary.patterns for token in spoken_tokens(one)}
        unsayable = decoder.learn_spoken(words)
        self._patterns = [
            one for one in vocabulary.patterns if not unsayable.intersection(spoken_tokens(one))
        ]
        self._kinds = kinds
        self._plans: dict[frozenset[str], Plan] = {}
        said = self.plan(_crowded(vocabulary)).sentences
        if not said:
            raise VoiceError("ears_unavailable", "There is nothing that can be said.", "")
        self._fixed = Counts()
        self.phrases = {phrase for phrases in self.listed.values() for phrase in phrases} | {*BEFORE, *AFTER}
        named = set(vocabulary.names)
        self._named: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for sentence in said:
            places = {token[1:-1] for token in sentence if is_place(token)}
            if places & named:
                for kind in sorted(places & named):
                    self._named[kind].append(sentence)
            else:
                for _ in range(_DRAWS if places else 1):
                    self._fixed.add([tuple(self._filled(sentence, {}))])
        self._fixed.add((*phrase.split(), "show") for phrase in BEFORE)
        self._fixed.add(tuple(phrase.split()) for phrase in AFTER)

    def plan(self, crowded: frozenset[str]) -> Plan:
        """The network where these kinds have many names."""
        if crowded not in self._plans:
            self._plans[crowded] = Plan(self._patterns, self._kinds, crowded)
        return self._plans[crowded]

    def _filled(
        self, sentence: Iterable[str], names: Mapping[str, Sequence[tuple[str, ...]]]
    ) -> Iterator[str]:
        for token in sentence:
            kind = token[1:-1]
            if not is_place(token):
                yield token
            elif names.get(kind) and (kind not in self.listed or self._random.random() < 0.5):
                yield from self._random.choice(names[kind])
            elif kind in self.listed:
                yield from self.listed_words[kind][int(self._random.random() * len(self.listed[kind]))]
            elif kind in self.samples:
                yield from self._random.choice(self.samples[kind])

    def counted(self, names: "_Spoken") -> Counts:
        """The trigram's counts with the names in their places."""
        self._random.seed(_SEED)
        counts = self._fixed.copy()
        for kind, sentences in sorted(self._named.items()):
            spoken_names = names.spoken.get(kind, ())
            for sentence in sentences:
                counts.add([tuple(self._filled(sentence, names.spoken)) for _ in range(_DRAWS)])
            for name in spoken_names:
                for sentence in self._random.choices(sentences, k=_DRAWS_A_NAME):
                    counts.add([tuple(self._filled(sentence, {**names.spoken, kind: (name,)}))])
        return counts


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
            if text.lower() != " ".join(parts):
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


def _crowded(vocabulary: Vocabulary) -> frozenset[str]:
    return frozenset(kind for kind, names in vocabulary.names.items() if len(names) > _CROWD)


def spoken_tokens(pattern: str) -> tuple[str, ...]:
    """The words of a pattern without its places."""
    return tuple(token for token in tokens_of(pattern) if not is_place(token))
