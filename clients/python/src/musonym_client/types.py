"""What travels between the client and the server, as plain JSON.

Written by tools/make_python_client.py from docs/openapi.json; changes here are lost.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "AllBody",
    "Alternative",
    "Audio",
    "Batch",
    "BatchAnswer",
    "BatchAsk",
    "BatchBody",
    "BatchOf",
    "BatchRequest",
    "BatchState",
    "BatchesPage",
    "BranchExplanation",
    "BulkVerdict",
    "Characteristics",
    "Component",
    "ComponentState",
    "Confidence",
    "ContextBatchAnswer",
    "ContextBatchBody",
    "ContextBody",
    "Corrected",
    "CreateBody",
    "CreateTagBody",
    "DecisionBody",
    "Degraded",
    "DeliveriesPage",
    "DeliveryAttempt",
    "DeliveryState",
    "Difference",
    "Embedding",
    "Explanation",
    "Facts",
    "Finding",
    "FindingKind",
    "FoundTag",
    "Fusion",
    "GenerateBody",
    "Glossed",
    "Health",
    "Include",
    "Job",
    "JobAccepted",
    "JobCounts",
    "JobKind",
    "JobState",
    "JobsPage",
    "Lang",
    "Level",
    "LintPage",
    "LlmContext",
    "LookedAt",
    "LookupAnswer",
    "LookupBody",
    "Match",
    "MatchKind",
    "Meaning",
    "Mend",
    "MendRequest",
    "MergeBody",
    "Occasion",
    "Origin",
    "OutboundDelivery",
    "OutboundKind",
    "OutboundSubscriber",
    "PartKind",
    "PauseRequest",
    "Period",
    "PlaylistPrompts",
    "Priority",
    "Problem",
    "Readiness",
    "ReadyState",
    "RenameTagBody",
    "ReplaceBody",
    "ResolveAnswer",
    "ResolveBody",
    "ResolveOptions",
    "ResolveProblem",
    "ResolvedPart",
    "ResolvedString",
    "ResolvedTag",
    "Retried",
    "RetryRequest",
    "ReviewAction",
    "ReviewAnswer",
    "ReviewBody",
    "ReviewCounts",
    "ReviewItem",
    "ReviewOutcome",
    "ReviewPage",
    "ReviewStatus",
    "RevisionView",
    "RevisionsPage",
    "Scale",
    "SearchAnswer",
    "SearchHit",
    "SearchSuggestion",
    "Section",
    "Source",
    "Suggestion",
    "SuggestionKind",
    "Summary",
    "SummaryBody",
    "Synonyms",
    "SynonymsPage",
    "Tag",
    "TagChange",
    "TagName",
    "TagOverview",
    "TagRef",
    "TagSynonyms",
    "TagType",
    "TagsPage",
    "TempoClass",
    "TermText",
    "TokenUse",
    "ToolDescriptions",
    "ToolFormat",
    "ToolRequest",
    "TraceId",
    "Track",
    "TrackTag",
    "Translations",
    "WorkState",
]


class AllBody(TypedDict):
    """Terms to decide on alike."""

    # In one status only.
    status: NotRequired[ReviewStatus]

    # Of one row only.
    synonym_id: NotRequired[int]

    # Of one tag type only.
    tag_type: NotRequired[TagType]


class Alternative(TypedDict):
    """A tag that a part may mean as well."""

    # Whether the library has it.
    in_library: bool

    # How sure, 0 to 1.
    score: float

    # Its name.
    tag_name: str

    # Genre or mood.
    tag_type: TagType


class Audio(TypedDict):
    """What an audio analysis measured. Shares go from 0 (not at all) to 1 (wholly)."""

    # How acoustic it is, a share.
    acousticness: NotRequired[float | None]

    # Tempo in beats per minute.
    bpm: NotRequired[float | None]

    # How well one can dance to it, a share.
    danceability: NotRequired[float | None]

    # How loud and dense it is, a share.
    energy: NotRequired[float | None]

    # How far it does without voices, a share.
    instrumentalness: NotRequired[float | None]

    # The tonic: `C`, `C#`, `Db`, … `B`.
    key: NotRequired[str | None]

    # Moods that were recognised, by any name of theirs, each with its probability. From 0.5 on they count as moods of
    # the track.
    moods: NotRequired[dict[str, float]]

    scale: NotRequired[Scale | None]

    # How positive it sounds, a share.
    valence: NotRequired[float | None]


class BatchAsk(TypedDict):
    """What a batch was asked for, as it is stored and shown."""

    # Also where a person has written or taken out the synonyms: new terms wait there as proposals.
    force: bool

    # Which tags.
    of: BatchOf

    # The age in days (`30d`) or hours (`12h`), for `of: older_than`.
    older_than: NotRequired[str | None]

    source: NotRequired[Source | None]


class Batch(BatchAsk):
    """A batch and how far it is. `total` is `done + failed + cancelled + moved + left`."""

    # Jobs that were taken back.
    cancelled: int

    # When it was cancelled.
    cancelled_at: NotRequired[str | None]

    # When it was asked for.
    created_at: str

    # Jobs that ended well.
    done: int

    # When its last job ended.
    ended_at: NotRequired[str | None]

    # When it will be done at that rate; `null` where that is not known, or while work is paused.
    estimated_end: NotRequired[str | None]

    # Jobs that failed or are dead.
    failed: int

    # Its number.
    id: int

    # Jobs that wait or run.
    left: int

    # Jobs that a later batch or request has taken over.
    moved: int

    # Jobs that end in a minute, by the last of them that did; `null` before two have, and afterwards.
    per_minute: NotRequired[float | None]

    # How urgent its jobs are.
    priority: Priority

    # Where it stands.
    state: BatchState

    # Jobs it had at its beginning, those that were queued before and joined it included.
    total: int


class BatchAnswer(TypedDict):
    """The tracks in words."""

    # One for each track, in order.
    summaries: list[Summary]


class BatchBody(TypedDict):
    """Tracks to sum up."""

    lang: NotRequired[Lang | None]

    # Most suggestions of each.
    suggestions: NotRequired[int | None]

    # The tracks, up to 500.
    tracks: list[Track]


# Which tags a batch is for.
BatchOf: TypeAlias = Literal["all", "missing", "source", "older_than"]


class BatchRequest(TypedDict):
    """Which tags to generate."""

    # Also where a person has written or taken out the synonyms: new terms wait there as proposals.
    force: NotRequired[bool]

    # Which tags.
    of: BatchOf

    # For `of: older_than`: a whole number with `h`, `d` or `w` behind it, as in `30d`.
    older_than: NotRequired[str | None]

    # How urgent its jobs are, 0 (least) to 9 (most).
    priority: NotRequired[int | None]

    source: NotRequired[Source | None]


# Where a batch stands.
BatchState: TypeAlias = Literal["active", "done", "cancelled"]


class BatchesPage(TypedDict):
    """A page of batches."""

    # The batches, newest first.
    items: list[Batch]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]


class BranchExplanation(TypedDict):
    """How the query was read. Of a composite query, all but `wanted` and `unwanted` is said of the first wanted
    part.
    """

    # Words that were read as others, for they seem misspelt.
    corrected: list[Corrected]

    # The text that was embedded; `null` when the vector branch did not run.
    embedded_text: NotRequired[str | None]

    # What was put into English before embedding.
    glossed: list[Glossed]

    # The query's key.
    key: str

    lang: NotRequired[Lang | None]

    # Terms that the lexical branch proposed.
    lexical_candidates: int

    # The embedding space; `null` when the vector branch did not run.
    space: NotRequired[str | None]

    # The stems looked for, a group for each word.
    stems: list[list[str]]

    # What is left out (`sad` of `calm but not sad`).
    unwanted: list[str]

    # Tags that the vector branch proposed.
    vector_candidates: int

    # What is asked for: the query itself, or the parts of a composite one, which a result should meet together.
    wanted: list[str]


# What becomes of many terms at once.
BulkVerdict: TypeAlias = Literal["accept", "reject"]


class Characteristics(TypedDict):
    """What a track sounds like, in classes; `null` where it was not measured."""

    acousticness: NotRequired[Level | None]

    danceability: NotRequired[Level | None]

    energy: NotRequired[Level | None]

    instrumentalness: NotRequired[Level | None]

    # Its key in the language of the summary.
    key: NotRequired[str | None]

    tempo: NotRequired[TempoClass | None]

    valence: NotRequired[Level | None]


class Component(TypedDict):
    """A part of the server."""

    # A sentence for people: what it is, or what is wrong and what helps. Never a secret.
    detail: str

    # `database`, `generator`, `embedder`, `queue`, `cache`.
    name: str

    # Whether the server is useless without it.
    required: bool

    # How it does.
    state: ComponentState


# How a part does.
ComponentState: TypeAlias = Literal["ok", "degraded", "down", "waiting"]


# How far a row or term can be trusted: a real number, 0 (not at all) to 1 (a person said so).
Confidence: TypeAlias = float


class ContextBatchAnswer(TypedDict):
    """What a language model should know of the tracks."""

    # One for each track, in order.
    contexts: list[LlmContext]


class ContextBatchBody(TypedDict):
    """Tracks that a language model is to know of."""

    lang: NotRequired[Lang | None]

    # The budget of each text in tokens, by an estimate on the high side.
    max_tokens: NotRequired[int | None]

    # What the playlists should be for; left out, the first occasion that the tags of each track name.
    occasion: NotRequired[str | None]

    # How many tracks the prompts ask for.
    playlist: NotRequired[int | None]

    # The tracks, up to 500.
    tracks: list[Track]


class ContextBody(TypedDict):
    """A track that a language model is to know of."""

    audio: NotRequired[Audio | None]

    # Its genres, as they stand in the file.
    genres: NotRequired[list[str]]

    lang: NotRequired[Lang | None]

    # The budget of the text in tokens, by an estimate on the high side.
    max_tokens: NotRequired[int | None]

    # Its moods, likewise.
    moods: NotRequired[list[str]]

    # What a playlist should be for; left out, the first occasion that the tags name.
    occasion: NotRequired[str | None]

    # How many tracks the prompts ask for.
    playlist: NotRequired[int | None]


# A misspelt word of the query.
Corrected = TypedDict(
    "Corrected",
    {
        # As asked, folded.
        "from": "str",
        # As it was read.
        "to": "str",
    },
)


class CreateBody(TypedDict):
    """Synonyms of a tag, as a person wrote them."""

    # How far they can be trusted; 1 when absent.
    confidence: NotRequired[float | None]

    # The sections; at least one term in all.
    synonyms: Synonyms

    # The tag; it is created when it is new.
    tag_name: str

    # Genre or mood.
    tag_type: TagType


class CreateTagBody(TypedDict):
    """A tag to create."""

    # Its name.
    name: str

    # Genre or mood.
    tag_type: TagType


class DecisionBody(TypedDict):
    """A decision on one term."""

    # What becomes of it.
    action: ReviewAction

    # Number of the term.
    id: int

    # The new words; with `edit` only.
    term: NotRequired[str]


class Degraded(TypedDict):
    """A branch that could not run."""

    # `vector`.
    branch: str

    # A stable word for the reason: `embedder_unavailable`, `embedder_timeout`, `embedding_space_changed`.
    code: str

    # A sentence that says why and what helps.
    reason: str


class DeliveriesPage(TypedDict):
    """A page of deliveries."""

    # The deliveries, newest first.
    items: list[OutboundDelivery]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]

    # The subscribers that are configured.
    subscribers: list[OutboundSubscriber]


class DeliveryAttempt(TypedDict):
    """One attempt to deliver."""

    # When it ended.
    at: str

    # How long it took, in milliseconds.
    elapsed_ms: int

    # Why it did not succeed.
    error: NotRequired[str | None]

    # The status of the answer; `null` where none came.
    status: NotRequired[int | None]


# Where the delivery of an event to a subscriber stands.
DeliveryState: TypeAlias = Literal["pending", "delivered", "dead"]


class Difference(TypedDict):
    """What one version of the sections has and the other has not."""

    # Terms that came, as written.
    added: Synonyms

    # Terms that went, as written.
    removed: Synonyms


class Embedding(TypedDict):
    """The vector of a row."""

    # How many numbers it has.
    dimensions: int

    # The space it lies in; vectors of different spaces cannot be compared.
    space: str

    # The numbers, L2-normalised; only with `include=embedding`.
    vector: NotRequired[list[float]]


class Explanation(TypedDict):
    """How a score came about."""

    # Raw cosine of query and tag, -1..=1, before calibration.
    cosine: NotRequired[float | None]

    # Weight of the lexical score in the sum (0 where a band decided).
    lexical_weight: float

    # A sentence for a person.
    reason: str

    # Weight of the vector score in the sum (0 where a band decided).
    vector_weight: float


class Facts(TypedDict):
    """The facts in a compact form; empty lists are left out."""

    # A sentence on each tag that the lexicon describes.
    about: NotRequired[list[str]]

    # Other names of its tags.
    also_called: NotRequired[list[str]]

    # The genres that its genres are kinds of, nearest first.
    broader: NotRequired[list[str]]

    # Names of genres, the surest first.
    genres: NotRequired[list[str]]

    # Names of moods, the surest first.
    moods: NotRequired[list[str]]

    # What it is played for.
    occasions: NotRequired[list[str]]

    # Near tags.
    related: NotRequired[list[str]]

    # Words that people look for it with.
    search_words: NotRequired[list[str]]

    # What it sounds like, a phrase.
    sound: NotRequired[str | None]


class Finding(TypedDict):
    """Something in the vocabulary that a person may want to mend."""

    # What it says.
    kind: FindingKind

    lang: NotRequired[Lang | None]

    # What would mend it. Nothing is done unasked.
    mend: Mend

    # Further terms of which the same is said; with `shared_alias` only.
    other_terms: list[str]

    section: NotRequired[Section | None]

    # How many tags it is about.
    tag_count: int

    # The tags that it is about, all of one type, the one that is to be changed first; up to 20 of them.
    tags: list[FoundTag]

    # The term as written.
    term: NotRequired[str | None]

    # Why it was found, a sentence.
    why: str


# What a finding says. In the order in which findings are listed.
FindingKind: TypeAlias = Literal[
    "duplicate_tag",
    "same_meaning",
    "alias_is_name",
    "shared_alias",
    "no_synonyms",
    "no_vector",
    "artist_like",
    "markup",
    "too_long",
    "unreadable",
    "foreign_script",
    "wrong_language",
    "prompt_echo",
    "dropped",
    "frequent_term",
    "own_name",
]


class FoundTag(TypedDict):
    """A tag that a finding is about."""

    # Its active row, where it has one.
    synonym_id: NotRequired[int | None]

    # Its number within its type.
    tag_id: int

    # Its name.
    tag_name: str

    # Genre or mood.
    tag_type: TagType


# How the two branches become one score.
Fusion: TypeAlias = Literal["weighted", "rrf"]


class GenerateBody(TypedDict):
    """How to generate."""

    # Generate even where a person has written or taken out the synonyms; such a row gets a proposal.
    force: NotRequired[bool]


# A part of the query that was put into English before it was embedded.
Glossed = TypedDict(
    "Glossed",
    {
        # As asked, folded.
        "from": "str",
        # In English.
        "to": "str",
    },
)


class Health(TypedDict):
    """The process answers."""

    # Always `ok`.
    status: str

    # The version that runs.
    version: str


# What to add to a row.
Include: TypeAlias = Literal["embedding"]


class Job(TypedDict):
    """A job as the database holds it."""

    # Attempts spent so far; an outage of a server spends none.
    attempts: int

    # The batch that it belongs to.
    batch_id: NotRequired[int | None]

    # When it was written.
    created_at: str

    # Its number.
    id: int

    # What it does.
    kind: JobKind

    # Why the last attempt failed, or why the job waits.
    last_error: NotRequired[str | None]

    # Attempts after which it is dead.
    max_attempts: int

    # Numbers of what it works on.
    payload: dict[str, Any]

    # How urgent it is.
    priority: Priority

    # What came of it, for a job that succeeded.
    result: NotRequired[dict[str, Any] | None]

    # Not claimed before this moment.
    run_at: str

    # Where it stands.
    state: JobState

    trace_id: NotRequired[TraceId | None]

    # When it last changed.
    updated_at: str


class JobAccepted(TypedDict):
    """A job that was enqueued."""

    # The job; one that was queued already is joined.
    job_id: int


class JobCounts(TypedDict):
    """How many jobs stand in each state."""

    # Taken back.
    cancelled: int

    # Attempts spent.
    dead: int

    # Ended by an error that no retry mends.
    failed: int

    # Waiting.
    queued: int

    # Claimed.
    running: int

    # Done.
    succeeded: int


# What a job does.
JobKind: TypeAlias = Literal["generate", "embed"]


# Where a job stands.
JobState: TypeAlias = Literal["queued", "running", "succeeded", "failed", "dead", "cancelled"]


class JobsPage(TypedDict):
    """A page of jobs."""

    # How many jobs of all kinds stand in each state.
    counts: JobCounts

    # The jobs, newest first.
    items: list[Job]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]


# The language of a term or a query.
Lang: TypeAlias = Literal["en", "fr"]


# A class of a share.
Level: TypeAlias = Literal["low", "medium", "high"]


class LintPage(TypedDict):
    """A page of findings, and what the whole report looked at."""

    # How many findings of each kind there are, about tags of that type; kinds without any are left out.
    counts: dict[str, int]

    # The findings: by kind, then by the type and number of their first tag.
    items: list[Finding]

    # How much was looked at.
    looked_at: LookedAt

    meaning: NotRequired[Meaning | None]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]

    # What was not looked at, and why, a sentence each.
    not_looked_at: list[str]


class LlmContext(TypedDict):
    """What a language model should know of a track."""

    # What the text holds, in a compact form.
    facts: Facts

    # The language.
    lang: Lang

    # What of the given tags was not understood, as given.
    not_understood: list[str]

    # Prompts for playlists; they are no part of the budget.
    prompts: PlaylistPrompts

    # The text for a system prompt, within the budget.
    text: str

    # What the text took of the budget.
    tokens: TokenUse


class LookedAt(TypedDict):
    """How much a report looked at."""

    # Tags.
    tags: int

    # Terms of their active rows.
    terms: int

    # Vectors that were compared.
    vectors: int


class LookupAnswer(TypedDict):
    """What was found."""

    # One for each tag asked for, in that order; `null` where there are no synonyms.
    items: list[TagSynonyms | None]


class LookupBody(TypedDict):
    """Tags to look up."""

    # The tags; any spelling of a name will do.
    tags: list[TagRef]


class Match(TypedDict):
    """What met the query."""

    # How.
    kind: MatchKind

    lang: NotRequired[Lang | None]

    # The term; `null` for a match by meaning alone.
    term: NotRequired[str | None]


# How a tag met the query.
MatchKind: TypeAlias = Literal["exact", "alias", "translation", "text", "fuzzy", "vector"]


class Meaning(TypedDict):
    """From which cosine on two tags mean one thing."""

    # How it came about, a sentence.
    explanation: str

    # The embedding space whose vectors were compared.
    space: str

    # The cosine.
    threshold: float


class Mend(TypedDict):
    """What would mend a finding."""

    # The command line that does it, quoted for a shell; `null` where there is none.
    command: NotRequired[str | None]

    request: NotRequired[MendRequest | None]

    # A sentence.
    text: str


class MendRequest(TypedDict):
    """A request to this API."""

    # Its body; `null` where there is none.
    body: NotRequired[dict[str, Any] | None]

    # Its method.
    method: str

    # Its path.
    path: str


# Two tags of one type.
MergeBody = TypedDict(
    "MergeBody",
    {
        # Only show what would come of it.
        "dry_run": "NotRequired[bool]",
        # The tag that goes; its name stays as an alias of the other.
        "from": "TagRef",
        # The tag that stays.
        "into": "TagRef",
    },
)


class Occasion(TypedDict):
    """An occasion that the track suits."""

    # How well it fits, 0 to 1; what several tags name fits better.
    confidence: float

    # The tags that name it.
    tags: list[Origin]

    # In the language of the summary.
    text: str


class Origin(TypedDict):
    """The tag that something comes from."""

    # Its name.
    tag_name: str

    # Genre or mood.
    tag_type: TagType


class OutboundDelivery(TypedDict):
    """A delivery as people look at it."""

    # Attempts since it was written, or since somebody last asked for it again.
    attempts: int

    # When it was written.
    created_at: str

    # The `data` of the webhook.
    data: dict[str, Any]

    # What it tells.
    event: OutboundKind

    # Its number.
    id: int

    # Why the last attempt did not succeed, or why it was given up.
    last_error: NotRequired[str | None]

    # The status of the last answer.
    last_status: NotRequired[int | None]

    # The last attempts, oldest first.
    log: list[DeliveryAttempt]

    # When it is sent next, for one that is pending.
    next_at: NotRequired[str | None]

    # Where it stands.
    state: DeliveryState

    # The number of the subscriber.
    subscriber_id: int

    # When it last changed.
    updated_at: str

    # The subscriber's URL, without a query.
    url: str

    # The `webhook-id` it is sent under.
    webhook_id: str


# What a subscriber may be told of.
OutboundKind: TypeAlias = Literal["synonyms.updated", "synonyms.deactivated", "generation.failed"]


class OutboundSubscriber(TypedDict):
    """A subscriber as the database knows it."""

    # When it answered 410 and was disabled; `musonym webhooks test` enables it again when it answers well.
    disabled_at: NotRequired[str | None]

    # What it is told of.
    events: list[OutboundKind]

    # Its number.
    id: int

    # Its URL for people, without a query.
    url: str


# How a part of a raw string was understood.
PartKind: TypeAlias = Literal[
    "exact",
    "alias",
    "translation",
    "search_term",
    "plural",
    "spelling",
    "broader",
    "lexicon",
    "period",
    "set_aside",
    "ambiguous",
    "unknown",
]


class PauseRequest(TypedDict):
    """How long to pause."""

    # For so many seconds; without it, until somebody resumes.
    for_seconds: NotRequired[int | None]


# The years that a part names, both inclusive.
Period = TypedDict(
    "Period",
    {
        # The first year.
        "from": "int",
        # The last year.
        "to": "int",
    },
)


class PlaylistPrompts(TypedDict):
    """Prompts to have a playlist made; each stands for itself."""

    # Tracks of its mood.
    by_mood: str

    # Tracks for an occasion.
    by_use: str

    # Tracks like this one.
    like_this: str


# How urgent a job is: 0 (least) to 9 (most).
Priority: TypeAlias = int


class Problem(TypedDict):
    """An error as it is sent (RFC 9457)."""

    # What went wrong, for programs; stable.
    code: str

    # What is wrong with this request and what to do.
    detail: str

    # Also in the header `x-request-id` and in the server's log.
    request_id: str

    # The HTTP status.
    status: int

    # The same for every problem of this code.
    title: str

    # Where problems of this kind are explained; `about:blank` when title and code say all.
    type: str


class Readiness(TypedDict):
    """Whether the server can do its work."""

    # The parts.
    components: list[Component]

    # The state as one word.
    status: ReadyState

    # How many tags there are, where that is known.
    tags: NotRequired[int | None]

    # The version that runs.
    version: str


# Readiness as one word.
ReadyState: TypeAlias = Literal["ready", "degraded", "unavailable"]


class RenameTagBody(TypedDict):
    """The new name of a tag."""

    # The name.
    name: str


class ReplaceBody(TypedDict):
    """What a row is replaced by."""

    # How far they can be trusted; 1 when absent.
    confidence: NotRequired[float | None]

    # The sections; at least one term in all.
    synonyms: Synonyms


class ResolveAnswer(TypedDict):
    """What became of the strings."""

    # How many tags were created.
    registered: int

    # One result for each string, in order.
    results: list[ResolvedString]


class ResolveBody(TypedDict):
    """What to resolve and how."""

    # How to choose among what they may mean.
    options: NotRequired[ResolveOptions]

    # Whether to create the tags that only the lexicon knows; their synonyms are written in the background.
    register: NotRequired[bool]

    # Raw strings as they stand in files. Up to 5,000 a call; one of more than 20,000 characters is an error of its
    # item.
    strings: list[str]


class ResolveOptions(TypedDict):
    """How to choose among what a string may mean."""

    # Most alternatives of a part.
    alternatives: NotRequired[int]

    # Most tags of a string, the surest first.
    limit: NotRequired[int | None]

    # Tags below this score are only told as alternatives.
    min_score: NotRequired[float]

    # Of several tags of one string, leave out those that are the parents of another: `rock` beside `punk rock`.
    prefer_specific: NotRequired[bool]

    # Replace each tag by its nearest parent on the whitelist; without a whitelist by its topmost parent.
    roll_up: NotRequired[bool]

    tag_type: NotRequired[TagType | None]

    # The only tags to answer with, in any spelling; empty for all.
    whitelist: NotRequired[list[TagName]]


class ResolveProblem(TypedDict):
    """Why one string could not be read; the others are answered."""

    # `too_long`.
    code: str

    # A sentence.
    detail: str


class ResolvedPart(TypedDict):
    """One of the values that a raw string holds."""

    # What else it may mean, the likeliest first.
    alternatives: list[Alternative]

    # How it was understood.
    kind: PartKind

    period: NotRequired[Period | None]

    # The name of the tag that was rolled up into `tag`.
    rolled_up_from: NotRequired[str | None]

    # How sure, 0 to 1; `null` where nothing is known.
    score: NotRequired[float | None]

    suggestion: NotRequired[Suggestion | None]

    tag: NotRequired[ResolvedTag | None]

    # What was read, mended and trimmed.
    text: str

    # The reason in words.
    why: str


class ResolvedString(TypedDict):
    """What became of one raw string."""

    error: NotRequired[ResolveProblem | None]

    # Its values.
    parts: list[ResolvedPart]

    # As given, cut at 200 characters.
    raw: str

    # The tags of its parts, each once, in the order of the parts.
    tags: list[ResolvedTag]


class ResolvedTag(TypedDict):
    """A tag that a string was resolved to."""

    # Its number within its type.
    id: int

    # Its name in the library.
    tag_name: str

    # Genre or mood.
    tag_type: TagType


class Retried(TypedDict):
    """What came of trying again."""

    # How many jobs were queued anew.
    retried: int


class RetryRequest(TypedDict):
    """Which jobs to try again."""

    # Only those whose `last_error` has this text in it, in these very letters.
    error_contains: NotRequired[str | None]

    kind: NotRequired[JobKind | None]

    state: NotRequired[JobState | None]


# What becomes of a term.
ReviewAction: TypeAlias = Literal["accept", "edit", "reject"]


class ReviewAnswer(TypedDict):
    """What came of it."""

    # How often each came about.
    counts: ReviewCounts

    # One outcome for each of `decisions`, in order; empty for `all`.
    outcomes: list[ReviewOutcome]


class ReviewBody(TypedDict):
    """Decisions: either one by one, or one for all."""

    # What becomes of them; with `all` only.
    action: NotRequired[BulkVerdict]

    # Which terms to decide on alike; `{}` for every one that waits.
    all: NotRequired[AllBody]

    # Decisions on single terms.
    decisions: NotRequired[list[DecisionBody]]


class ReviewCounts(TypedDict):
    """How often each outcome came about."""

    # Count as they were written.
    accepted: int

    # Count in the person's words.
    edited: int

    # Wait as before, because their section is full.
    full: int

    # Were not there any more.
    gone: int

    # Never come back.
    rejected: int


class ReviewItem(TypedDict):
    """A term that waits for a decision."""

    # How far it can be trusted.
    confidence: Confidence

    # Number of the term. It goes with the term: one that is generated anew has another.
    id: int

    lang: NotRequired[Lang | None]

    # Where it would stand.
    section: Section

    # Who wrote it.
    source: Source

    # Why it waits.
    status: ReviewStatus

    # The row it belongs to.
    synonym_id: int

    # Name of the row's tag.
    tag_name: str

    # Type of the row's tag.
    tag_type: TagType

    # The words as written.
    term: str


# What came of a decision.
ReviewOutcome: TypeAlias = Literal["accepted", "edited", "rejected", "full", "gone"]


class ReviewPage(TypedDict):
    """A page of terms."""

    # The terms, by number.
    items: list[ReviewItem]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]


# A status that waits for a person's decision.
ReviewStatus: TypeAlias = Literal["proposed", "quarantined"]


class RevisionView(TypedDict):
    """A change of a row."""

    # What was done.
    action: str

    after: NotRequired[Synonyms | None]

    before: NotRequired[Synonyms | None]

    # When.
    created_at: str

    # What was added and what was removed.
    difference: Difference

    # Who did it.
    source: Source

    # Name of the tag at that time.
    tag_name: str

    # Type of the tag at that time.
    tag_type: TagType

    trace_id: NotRequired[TraceId | None]

    # The version that the change made. A proposal makes none: it has that of the row.
    version: int


class RevisionsPage(TypedDict):
    """A page of the history of a row."""

    # The changes, newest first.
    items: list[RevisionView]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]


# The scale of a key.
Scale: TypeAlias = Literal["major", "minor"]


class SearchAnswer(TypedDict):
    """The answer to a search, best result first."""

    # How many results follow.
    count: int

    # Branches that could not run, and why; empty when the answer is complete.
    degraded: list[Degraded]

    explain: NotRequired[BranchExplanation | None]

    # The query as understood.
    query: str

    # The results.
    results: list[SearchHit]


class SearchHit(TypedDict):
    """One tag found."""

    explain: NotRequired[Explanation | None]

    # Calibrated score of the lexical branch, 0..=1; `null` when it did not find the tag.
    fts_score: NotRequired[float | None]

    # Number of its synonyms row.
    id: int

    # What met the query.
    match: Match

    # Orders the results: exact name 1.0, alias or translation 0.90 to 0.99, else at most 0.89.
    score: float

    # The tag's synonyms.
    synonyms: Synonyms

    # The tag's name.
    tag_name: str

    # Genre or mood.
    tag_type: TagType

    # Calibrated score of the vector branch, 0..=1; `null` when it did not run or the tag has no vector yet.
    vector_score: NotRequired[float | None]


# Words to search with for tracks like this one.
SearchSuggestion = TypedDict(
    "SearchSuggestion",
    {
        # How well they fit, 0 to 1: how sure the tag is, times how sure its term is, times what its section is worth.
        "confidence": "float",
        # What they were drawn from.
        "from": "SuggestionKind",
        # The words.
        "query": "str",
        # Of which tag.
        "tag": "Origin",
    },
)


# Where a term stands. The first four are the sections of a tag's synonyms; the tag's own name is kept as a term too, so
# that one index serves both, but is no part of the synonyms.
Section: TypeAlias = Literal["name", "search_terms", "related_tags", "usage_context", "translations"]


# Who wrote a term or a row.
Source: TypeAlias = Literal["manual", "ollama", "lexicon", "import"]


class Suggestion(TypedDict):
    """A tag that the lexicon knows and the library does not have."""

    # Its name in the lexicon.
    tag_name: str

    # Genre or mood.
    tag_type: TagType


# What a suggestion was drawn from.
SuggestionKind: TypeAlias = Literal["search_terms", "translations", "related_tags", "usage_context"]


class Summary(TypedDict):
    """A track in words."""

    # What it sounds like, in classes.
    characteristics: Characteristics

    # What it is played for, best first.
    context: list[Occasion]

    # Its genres, the surest first.
    genres: list[TrackTag]

    # The language.
    lang: Lang

    # Its moods, the surest first: those that were named and those that were recognised.
    moods: list[TrackTag]

    # What of the given tags was not understood, as given.
    not_understood: list[str]

    # Words to search with, best first, each once.
    suggestions: list[SearchSuggestion]

    # A few sentences.
    text: str


class SummaryBody(TypedDict):
    """A track to sum up."""

    audio: NotRequired[Audio | None]

    # Its genres, as they stand in the file.
    genres: NotRequired[list[str]]

    lang: NotRequired[Lang | None]

    # Its moods, likewise.
    moods: NotRequired[list[str]]

    # Most suggestions.
    suggestions: NotRequired[int | None]


class Synonyms(TypedDict):
    """The four sections of a tag's synonyms."""

    # Musically related tags.
    related_tags: NotRequired[list[TermText]]

    # What people type to find the tag.
    search_terms: NotRequired[list[TermText]]

    # Its name in English and French.
    translations: NotRequired[Translations]

    # Occasions and activities it is played for.
    usage_context: NotRequired[list[TermText]]


class SynonymsPage(TypedDict):
    """A page of rows."""

    # The rows, by number.
    items: list[TagSynonyms]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]


class Tag(TypedDict):
    """A tag as the database holds it."""

    # When it was created.
    created_at: str

    # Its number within its type.
    id: int

    # The name as first written.
    name: str

    # Genre or mood.
    tag_type: TagType


class TagChange(Tag):
    """A tag and what its change has set off."""

    # The job that generates its synonyms; `null` when nothing has changed.
    job_id: NotRequired[int | None]


# The name of a tag: 1 to [`MAX_TAG_NAME_CHARS`] characters after trimming, in NFC, no control characters, and at least
# one character that can be seen.
TagName: TypeAlias = str


class TagOverview(Tag):
    """A tag in a list."""

    # Whether it has active synonyms.
    has_synonyms: bool


class TagRef(TypedDict):
    """A tag by type and name, as callers speak of it."""

    # Any spelling of its name: names are compared by their key.
    tag_name: TagName

    # Genre or mood.
    tag_type: TagType


class TagSynonyms(TypedDict):
    """The synonyms of a tag."""

    # How far the row can be trusted.
    confidence: Confidence

    # First written.
    created_at: str

    embedding: NotRequired[Embedding | None]

    # Number of the row.
    id: int

    # False once a person has taken it out.
    is_active: bool

    # Who wrote the row.
    source: Source

    # The four sections.
    synonyms: Synonyms

    # Number of the tag within its type.
    tag_id: int

    # The tag's name as written.
    tag_name: str

    # Genre or mood.
    tag_type: TagType

    # Last changed.
    updated_at: str

    # Raised by one at every change of the content.
    version: int


# What a tag says of the music: what it is, or how it feels.
TagType: TypeAlias = Literal["genre", "mood"]


class TagsPage(TypedDict):
    """A page of tags."""

    # The tags, by type and number.
    items: list[TagOverview]

    # The cursor of the next page; `null` at the end.
    next: NotRequired[str | None]


# A class of tempo.
TempoClass: TypeAlias = Literal["very_slow", "slow", "moderate", "lively", "fast", "very_fast"]


# One term, as the API describes it.
TermText: TypeAlias = str


class TokenUse(TypedDict):
    """What the text took."""

    # As asked for.
    budget: int

    # Of the text, an estimate on the high side: its UTF-8 bytes by three.
    estimated: int

    # How many facts had no room.
    left_out: int


class ToolDescriptions(TypedDict):
    """The tools and how to carry out a call."""

    # What to do with a call of the model. Arguments that are null are left out.
    requests: list[ToolRequest]

    # To be given as `tools` with a request to the model.
    tools: list[dict[str, Any]]


# Whose function calling the descriptions are for.
ToolFormat: TypeAlias = Literal["openai", "ollama"]


class ToolRequest(TypedDict):
    """How a call is carried out over this API."""

    # Where the other arguments go: `query` or `body`.
    arguments: str

    # The method.
    method: str

    # The name of the tool.
    name: str

    # The path; `{…}` are arguments.
    path: str


# The id of a trace: 32 hexadecimal digits in small letters, not all of them zero.
TraceId: TypeAlias = str


class Track(TypedDict):
    """A track."""

    audio: NotRequired[Audio | None]

    # Its genres, as they stand in the file: resolved as by `POST /api/resolve`.
    genres: NotRequired[list[str]]

    # Its moods, likewise.
    moods: NotRequired[list[str]]


class TrackTag(TypedDict):
    """A tag of the track."""

    # How sure it is that the track has it, 0 to 1.
    confidence: float

    # What it is called in the language of the summary.
    label: str

    # Its name in the library.
    tag_name: str

    # Genre or mood.
    tag_type: TagType


class Translations(TypedDict):
    """The name of a tag in each language."""

    # English names.
    en: NotRequired[list[TermText]]

    # French names.
    fr: NotRequired[list[TermText]]


class WorkState(TypedDict):
    """How the work as a whole stands."""

    # How many jobs of all kinds stand in each state.
    counts: JobCounts

    # Whether nothing new is begun.
    paused: bool

    # Since when; `null` when not paused.
    paused_since: NotRequired[str | None]

    # Until when; `null` when not paused or paused until somebody resumes.
    paused_until: NotRequired[str | None]
