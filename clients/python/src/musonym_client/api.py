"""The operations of the server as methods: `Client` waits for each answer, `AsyncClient` is awaited.

Written by tools/make_python_client.py from docs/openapi.json; changes here are lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from ._http import AsyncHttp, Http, quoted
from .types import (
    Batch,
    BatchAnswer,
    BatchBody,
    BatchRequest,
    BatchesPage,
    ContextBatchAnswer,
    ContextBatchBody,
    ContextBody,
    CreateBody,
    CreateTagBody,
    DeliveriesPage,
    DeliveryState,
    FindingKind,
    Fusion,
    GenerateBody,
    Health,
    Include,
    Job,
    JobAccepted,
    JobKind,
    JobState,
    JobsPage,
    Lang,
    LintPage,
    LlmContext,
    LookupAnswer,
    LookupBody,
    MergeBody,
    OutboundDelivery,
    PauseRequest,
    Readiness,
    RenameTagBody,
    ReplaceBody,
    ResolveAnswer,
    ResolveBody,
    Retried,
    RetryRequest,
    ReviewAnswer,
    ReviewBody,
    ReviewPage,
    ReviewStatus,
    RevisionView,
    RevisionsPage,
    SearchAnswer,
    Source,
    Summary,
    SummaryBody,
    SynonymsPage,
    Tag,
    TagChange,
    TagSynonyms,
    TagType,
    TagsPage,
    ToolDescriptions,
    ToolFormat,
    WorkState,
)


class Client(Http):
    """Asks a musonym server; every method waits for the answer."""

    def llm_context(self, body: ContextBody) -> LlmContext:
        """A track for a language model. Facts in a compact form and as a text for a system prompt, the most telling
        first, within a budget of tokens; and prompts to have playlists made: like this track, of its mood, for an
        occasion.
        """
        return cast("LlmContext", self._json("POST", "/api/enrich/llm-context", body=body))

    def llm_contexts(self, body: ContextBatchBody) -> ContextBatchAnswer:
        """Many tracks for a language model. As `POST /api/enrich/llm-context`, for up to 500 tracks. A value out of
        range in one of them is an error of the whole.
        """
        return cast("ContextBatchAnswer", self._json("POST", "/api/enrich/llm-context/batch", body=body))

    def summarise_track(self, body: SummaryBody) -> Summary:
        """A track in words. A few sentences in English or French, its tags as the library knows them, what was
        measured in classes, what it is played for, and words to search for its like, each with the tag it comes
        from.
        """
        return cast("Summary", self._json("POST", "/api/enrich/summary", body=body))

    def summarise_tracks(self, body: BatchBody) -> BatchAnswer:
        """Many tracks in words. As `POST /api/enrich/summary`, for up to 500 tracks. A value out of range in one of
        them is an error of the whole.
        """
        return cast("BatchAnswer", self._json("POST", "/api/enrich/summary/batch", body=body))

    def list_tools(self, *, format: ToolFormat | None = None) -> ToolDescriptions:
        """Tools for an agent. What a language model can call by itself: search, synonyms, resolve and summary,
        described for its function calling, with the requests that carry out a call.
        """
        return cast("ToolDescriptions", self._json("GET", "/api/enrich/tools", query={"format": format}))

    def event_stream(self) -> Iterator[tuple[str, Any]]:
        """What happens in the background, as it happens. Server-sent events, named by their `type`. A stream that is
        read too slowly skips what it missed and says so in a comment, `lagged`.
        """
        return self._events("GET", "/api/events")

    def list_jobs(
        self,
        *,
        state: JobState | None = None,
        kind: JobKind | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> JobsPage:
        """Jobs, page by page, and how many there are."""
        return cast("JobsPage", self._json(
            "GET",
            "/api/jobs",
            query={"state": state, "kind": kind, "cursor": cursor, "limit": limit},
        ))

    def list_batches(self, *, cursor: str | None = None, limit: int | None = None) -> BatchesPage:
        """Batches, page by page."""
        return cast("BatchesPage", self._json("GET", "/api/jobs/batch", query={"cursor": cursor, "limit": limit}))

    def start_batch(self, body: BatchRequest) -> Batch:
        """Generate many tags. What was asked for in the same words and is not done yet goes on: that batch is the
        answer then, and nothing is queued twice.
        """
        return cast("Batch", self._json("POST", "/api/jobs/batch", body=body))

    def batch_by_id(self, id: int) -> Batch:
        """One batch and how far it is."""
        return cast("Batch", self._json("GET", f"/api/jobs/batch/{quoted(id)}"))

    def cancel_batch(self, id: int) -> Batch:
        """Take back what waits of a batch. A job of it that runs goes on to its end, and is not tried again."""
        return cast("Batch", self._json("POST", f"/api/jobs/batch/{quoted(id)}/cancel"))

    def batch_events(self, id: int) -> Iterator[tuple[str, Any]]:
        """The progress of a batch, as it happens. Server-sent events: `progress` at once and whenever it changes, at
        most a few in a second, then `done` or `cancelled`, after which the stream ends. The `data` of each is the
        batch.
        """
        return self._events("GET", f"/api/jobs/batch/{quoted(id)}/events")

    def pause_work(self, body: PauseRequest | None = None) -> WorkState:
        """Pause all work. No worker on this database claims a job until the pause ends; jobs that run go on to their
        end. Asked again, a pause gets another end.
        """
        return cast("WorkState", self._json("POST", "/api/jobs/pause", body=body))

    def resume_work(self) -> WorkState:
        """Go on with all work."""
        return cast("WorkState", self._json("POST", "/api/jobs/resume"))

    def retry_jobs(self, body: RetryRequest | None = None) -> Retried:
        """Run all jobs again that have failed or died. They get fresh attempts. Of each piece of work only the
        newest job counts: what was done since is not done again.
        """
        return cast("Retried", self._json("POST", "/api/jobs/retry", body=body))

    def work_state(self) -> WorkState:
        """Whether work is paused, and how much there is."""
        return cast("WorkState", self._json("GET", "/api/jobs/state"))

    def job_by_id(self, id: int) -> Job:
        """One job."""
        return cast("Job", self._json("GET", f"/api/jobs/{quoted(id)}"))

    def cancel_job(self, id: int) -> Job:
        """Take back a job that is queued or running."""
        return cast("Job", self._json("POST", f"/api/jobs/{quoted(id)}/cancel"))

    def retry_job(self, id: int) -> Job:
        """Run a job again that has failed, died or was cancelled."""
        return cast("Job", self._json("POST", f"/api/jobs/{quoted(id)}/retry"))

    def list_findings(
        self,
        *,
        kind: FindingKind | None = None,
        tag_type: TagType | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> LintPage:
        """What may want mending in the vocabulary, page by page. Tags that are one, aliases that mean several, tags
        without synonyms or vectors, terms that help nobody. Each with why, and with what would mend it; nothing
        is changed. A report is made when the database has changed since the last, which takes seconds for many
        thousands of tags; where that is over the time limit of requests, ask again after a while.
        """
        return cast("LintPage", self._json(
            "GET",
            "/api/lint",
            query={"kind": kind, "tag_type": tag_type, "cursor": cursor, "limit": limit},
        ))

    def openapi_document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return cast("dict[str, Any]", self._json("GET", "/api/openapi.json"))

    def resolve_strings(self, body: ResolveBody) -> ResolveAnswer:
        """Find the tags that raw strings mean. Several values in a string are parted, numbers of ID3v1 read, broken
        text mended, placeholders set aside. Each part says how it was understood, how sure that is, what else it
        may mean and why. Nothing is written unless `register` is set.
        """
        return cast("ResolveAnswer", self._json("POST", "/api/resolve", body=body))

    def list_review(
        self,
        *,
        status: ReviewStatus | None = None,
        tag_type: TagType | None = None,
        synonym_id: int | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> ReviewPage:
        """Terms that wait for a person, page by page. Doubtful ones (`quarantined`), and what a forced generation
        found for a row that a person wrote (`proposed`).
        """
        return cast("ReviewPage", self._json(
            "GET",
            "/api/review",
            query={"status": status, "tag_type": tag_type, "synonym_id": synonym_id, "cursor": cursor, "limit": limit},
        ))

    def decide_review(self, body: ReviewBody) -> ReviewAnswer:
        """Accept, edit or reject terms. All in one transaction. Each row that is touched gets one new version and
        stays whose it was. A term that is not there any more, or was decided on meanwhile, is `gone`; one whose
        section is `full` goes on waiting.
        """
        return cast("ReviewAnswer", self._json("POST", "/api/review", body=body))

    def list_synonyms(
        self,
        *,
        tag_type: TagType | None = None,
        source: Source | None = None,
        min_confidence: float | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> SynonymsPage:
        """Rows, page by page."""
        return cast("SynonymsPage", self._json(
            "GET",
            "/api/synonyms",
            query={
                "tag_type": tag_type,
                "source": source,
                "min_confidence": min_confidence,
                "cursor": cursor,
                "limit": limit,
            },
        ))

    def create_synonyms(self, body: CreateBody) -> TagSynonyms:
        """Write the synonyms of a tag by hand. Creates the tag when it is new. What a person wrote is final: no
        generator overwrites it.
        """
        return cast("TagSynonyms", self._json("POST", "/api/synonyms", body=body))

    def lookup_synonyms(self, body: LookupBody) -> LookupAnswer:
        """The synonyms of many tags at once. For up to 500 tags, and for names that a path cannot carry."""
        return cast("LookupAnswer", self._json("POST", "/api/synonyms/lookup", body=body))

    def search_tags(
        self,
        q: str,
        *,
        tag_type: TagType | None = None,
        limit: int | None = None,
        lang: Lang | None = None,
        explain: bool | None = None,
        min_score: float | None = None,
        fusion: Fusion | None = None,
    ) -> SearchAnswer:
        """Search tags by words and by meaning. An exact name scores 1.0, another name or a translation 0.90 to 0.99,
        the rest at most 0.89. When a branch could not run, `degraded` says so; that is still a 200.
        """
        return cast("SearchAnswer", self._json(
            "GET",
            "/api/synonyms/search",
            query={
                "q": q,
                "tag_type": tag_type,
                "limit": limit,
                "lang": lang,
                "explain": explain,
                "min_score": min_score,
                "fusion": fusion,
            },
        ))

    def synonyms_by_id(
        self,
        id: int,
        *,
        include: Include | None = None,
        if_none_match: str | None = None,
    ) -> TagSynonyms:
        """One row by its number, active or not."""
        return cast("TagSynonyms", self._json(
            "GET",
            f"/api/synonyms/{quoted(id)}",
            query={"include": include},
            headers={"if-none-match": if_none_match},
        ))

    def replace_synonyms(self, id: int, body: ReplaceBody, *, if_match: str | None = None) -> TagSynonyms:
        """Replace the synonyms of a row. Generated terms that are left out are kept as rejected, so that no
        generator brings them back.
        """
        return cast("TagSynonyms", self._json(
            "PUT",
            f"/api/synonyms/{quoted(id)}",
            headers={"if-match": if_match},
            body=body,
        ))

    def deactivate_synonyms(self, id: int, *, if_match: str | None = None) -> None:
        """Take a row out of use. It leaves a tombstone: generators skip its tag unless forced."""
        self._nothing("DELETE", f"/api/synonyms/{quoted(id)}", headers={"if-match": if_match})

    def activate_synonyms(self, id: int) -> TagSynonyms:
        """Take a row into use again."""
        return cast("TagSynonyms", self._json("POST", f"/api/synonyms/{quoted(id)}/activate"))

    def synonym_revisions(self, id: int, *, cursor: str | None = None, limit: int | None = None) -> RevisionsPage:
        """The history of a row. It outlives the row and its tag."""
        return cast("RevisionsPage", self._json(
            "GET",
            f"/api/synonyms/{quoted(id)}/revisions",
            query={"cursor": cursor, "limit": limit},
        ))

    def revision_by_version(self, id: int, version: int) -> RevisionView:
        """One change of a row."""
        return cast("RevisionView", self._json("GET", f"/api/synonyms/{quoted(id)}/revisions/{quoted(version)}"))

    def restore_revision(self, id: int, version: int, *, if_match: str | None = None) -> TagSynonyms:
        """Give a row the content of a former version back. Written as a person's edit: it is final for generators,
        and terms of the row that the version did not have are rejected. Terms that wait for review go on waiting.
        A row that is out of use is taken into use again.
        """
        return cast("TagSynonyms", self._json(
            "POST",
            f"/api/synonyms/{quoted(id)}/revisions/{quoted(version)}/restore",
            headers={"if-match": if_match},
        ))

    def synonyms_of_tag(
        self,
        tag_type: TagType,
        tag_name: str,
        *,
        include: Include | None = None,
        if_none_match: str | None = None,
    ) -> TagSynonyms:
        """The synonyms of a tag. The name is matched by its key: case, accents, hyphens and spaces do not matter. A
        `/` in it is sent as `%2F`.
        """
        return cast("TagSynonyms", self._json(
            "GET",
            f"/api/synonyms/{quoted(tag_type)}/{quoted(tag_name)}",
            query={"include": include},
            headers={"if-none-match": if_none_match},
        ))

    def list_tags(
        self,
        *,
        tag_type: TagType | None = None,
        has_synonyms: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> TagsPage:
        """Tags, page by page."""
        return cast("TagsPage", self._json(
            "GET",
            "/api/tags",
            query={"tag_type": tag_type, "has_synonyms": has_synonyms, "cursor": cursor, "limit": limit},
        ))

    def create_tag(self, body: CreateTagBody) -> TagChange:
        """Create a tag. A tag that is there already, under this name or another spelling of it, comes back with 200."""
        return cast("TagChange", self._json("POST", "/api/tags", body=body))

    def merge_tags(self, body: MergeBody) -> TagSynonyms:
        """Merge a tag into another. The tag that stays takes over the active terms of the one that goes, and its
        name as an alias. What was rejected in one of them stays rejected, unless it counts in the other. Terms
        that find no room in their section wait for review.
        """
        return cast("TagSynonyms", self._json("POST", "/api/tags/merge", body=body))

    def tag_by_name(self, tag_type: TagType, tag_name: str) -> Tag:
        """One tag."""
        return cast("Tag", self._json("GET", f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}"))

    def delete_tag(self, tag_type: TagType, tag_name: str) -> None:
        """Delete a tag with its synonyms. Their history stays."""
        self._nothing("DELETE", f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}")

    def rename_tag(self, tag_type: TagType, tag_name: str, body: RenameTagBody) -> TagChange:
        """Rename a tag. Its synonyms are generated anew, unless a person wrote them."""
        return cast("TagChange", self._json("PATCH", f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}", body=body))

    def generate_tag(self, tag_type: TagType, tag_name: str, body: GenerateBody | None = None) -> JobAccepted:
        """Generate the synonyms of a tag anew."""
        return cast("JobAccepted", self._json(
            "POST",
            f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}/generate",
            body=body,
        ))

    def list_deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> DeliveriesPage:
        """What subscribers were told, page by page, and who they are."""
        return cast("DeliveriesPage", self._json(
            "GET",
            "/api/webhooks/deliveries",
            query={"state": state, "cursor": cursor, "limit": limit},
        ))

    def retry_delivery(self, id: int) -> OutboundDelivery:
        """Send a webhook again. Now and with fresh attempts, under the same `webhook-id`, whatever has become of it."""
        return cast("OutboundDelivery", self._json("POST", f"/api/webhooks/deliveries/{quoted(id)}/retry"))

    def healthz(self) -> Health:
        """Whether the process lives."""
        return cast("Health", self._json("GET", "/healthz"))

    def metrics(self) -> str:
        """The metrics of this process, for Prometheus."""
        return self._text("GET", "/metrics")

    def readyz(self) -> Readiness:
        """Whether the server can do its work. 503 when a required part is down; the body is the same either way."""
        return cast("Readiness", self._json("GET", "/readyz"))


class AsyncClient(AsyncHttp):
    """Asks a musonym server; every method is awaited."""

    async def llm_context(self, body: ContextBody) -> LlmContext:
        """A track for a language model. Facts in a compact form and as a text for a system prompt, the most telling
        first, within a budget of tokens; and prompts to have playlists made: like this track, of its mood, for an
        occasion.
        """
        return cast("LlmContext", await self._json("POST", "/api/enrich/llm-context", body=body))

    async def llm_contexts(self, body: ContextBatchBody) -> ContextBatchAnswer:
        """Many tracks for a language model. As `POST /api/enrich/llm-context`, for up to 500 tracks. A value out of
        range in one of them is an error of the whole.
        """
        return cast("ContextBatchAnswer", await self._json("POST", "/api/enrich/llm-context/batch", body=body))

    async def summarise_track(self, body: SummaryBody) -> Summary:
        """A track in words. A few sentences in English or French, its tags as the library knows them, what was
        measured in classes, what it is played for, and words to search for its like, each with the tag it comes
        from.
        """
        return cast("Summary", await self._json("POST", "/api/enrich/summary", body=body))

    async def summarise_tracks(self, body: BatchBody) -> BatchAnswer:
        """Many tracks in words. As `POST /api/enrich/summary`, for up to 500 tracks. A value out of range in one of
        them is an error of the whole.
        """
        return cast("BatchAnswer", await self._json("POST", "/api/enrich/summary/batch", body=body))

    async def list_tools(self, *, format: ToolFormat | None = None) -> ToolDescriptions:
        """Tools for an agent. What a language model can call by itself: search, synonyms, resolve and summary,
        described for its function calling, with the requests that carry out a call.
        """
        return cast("ToolDescriptions", await self._json("GET", "/api/enrich/tools", query={"format": format}))

    def event_stream(self) -> AsyncIterator[tuple[str, Any]]:
        """What happens in the background, as it happens. Server-sent events, named by their `type`. A stream that is
        read too slowly skips what it missed and says so in a comment, `lagged`.
        """
        return self._events("GET", "/api/events")

    async def list_jobs(
        self,
        *,
        state: JobState | None = None,
        kind: JobKind | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> JobsPage:
        """Jobs, page by page, and how many there are."""
        return cast("JobsPage", await self._json(
            "GET",
            "/api/jobs",
            query={"state": state, "kind": kind, "cursor": cursor, "limit": limit},
        ))

    async def list_batches(self, *, cursor: str | None = None, limit: int | None = None) -> BatchesPage:
        """Batches, page by page."""
        return cast("BatchesPage", await self._json("GET", "/api/jobs/batch", query={"cursor": cursor, "limit": limit}))

    async def start_batch(self, body: BatchRequest) -> Batch:
        """Generate many tags. What was asked for in the same words and is not done yet goes on: that batch is the
        answer then, and nothing is queued twice.
        """
        return cast("Batch", await self._json("POST", "/api/jobs/batch", body=body))

    async def batch_by_id(self, id: int) -> Batch:
        """One batch and how far it is."""
        return cast("Batch", await self._json("GET", f"/api/jobs/batch/{quoted(id)}"))

    async def cancel_batch(self, id: int) -> Batch:
        """Take back what waits of a batch. A job of it that runs goes on to its end, and is not tried again."""
        return cast("Batch", await self._json("POST", f"/api/jobs/batch/{quoted(id)}/cancel"))

    def batch_events(self, id: int) -> AsyncIterator[tuple[str, Any]]:
        """The progress of a batch, as it happens. Server-sent events: `progress` at once and whenever it changes, at
        most a few in a second, then `done` or `cancelled`, after which the stream ends. The `data` of each is the
        batch.
        """
        return self._events("GET", f"/api/jobs/batch/{quoted(id)}/events")

    async def pause_work(self, body: PauseRequest | None = None) -> WorkState:
        """Pause all work. No worker on this database claims a job until the pause ends; jobs that run go on to their
        end. Asked again, a pause gets another end.
        """
        return cast("WorkState", await self._json("POST", "/api/jobs/pause", body=body))

    async def resume_work(self) -> WorkState:
        """Go on with all work."""
        return cast("WorkState", await self._json("POST", "/api/jobs/resume"))

    async def retry_jobs(self, body: RetryRequest | None = None) -> Retried:
        """Run all jobs again that have failed or died. They get fresh attempts. Of each piece of work only the
        newest job counts: what was done since is not done again.
        """
        return cast("Retried", await self._json("POST", "/api/jobs/retry", body=body))

    async def work_state(self) -> WorkState:
        """Whether work is paused, and how much there is."""
        return cast("WorkState", await self._json("GET", "/api/jobs/state"))

    async def job_by_id(self, id: int) -> Job:
        """One job."""
        return cast("Job", await self._json("GET", f"/api/jobs/{quoted(id)}"))

    async def cancel_job(self, id: int) -> Job:
        """Take back a job that is queued or running."""
        return cast("Job", await self._json("POST", f"/api/jobs/{quoted(id)}/cancel"))

    async def retry_job(self, id: int) -> Job:
        """Run a job again that has failed, died or was cancelled."""
        return cast("Job", await self._json("POST", f"/api/jobs/{quoted(id)}/retry"))

    async def list_findings(
        self,
        *,
        kind: FindingKind | None = None,
        tag_type: TagType | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> LintPage:
        """What may want mending in the vocabulary, page by page. Tags that are one, aliases that mean several, tags
        without synonyms or vectors, terms that help nobody. Each with why, and with what would mend it; nothing
        is changed. A report is made when the database has changed since the last, which takes seconds for many
        thousands of tags; where that is over the time limit of requests, ask again after a while.
        """
        return cast("LintPage", await self._json(
            "GET",
            "/api/lint",
            query={"kind": kind, "tag_type": tag_type, "cursor": cursor, "limit": limit},
        ))

    async def openapi_document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return cast("dict[str, Any]", await self._json("GET", "/api/openapi.json"))

    async def resolve_strings(self, body: ResolveBody) -> ResolveAnswer:
        """Find the tags that raw strings mean. Several values in a string are parted, numbers of ID3v1 read, broken
        text mended, placeholders set aside. Each part says how it was understood, how sure that is, what else it
        may mean and why. Nothing is written unless `register` is set.
        """
        return cast("ResolveAnswer", await self._json("POST", "/api/resolve", body=body))

    async def list_review(
        self,
        *,
        status: ReviewStatus | None = None,
        tag_type: TagType | None = None,
        synonym_id: int | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> ReviewPage:
        """Terms that wait for a person, page by page. Doubtful ones (`quarantined`), and what a forced generation
        found for a row that a person wrote (`proposed`).
        """
        return cast("ReviewPage", await self._json(
            "GET",
            "/api/review",
            query={"status": status, "tag_type": tag_type, "synonym_id": synonym_id, "cursor": cursor, "limit": limit},
        ))

    async def decide_review(self, body: ReviewBody) -> ReviewAnswer:
        """Accept, edit or reject terms. All in one transaction. Each row that is touched gets one new version and
        stays whose it was. A term that is not there any more, or was decided on meanwhile, is `gone`; one whose
        section is `full` goes on waiting.
        """
        return cast("ReviewAnswer", await self._json("POST", "/api/review", body=body))

    async def list_synonyms(
        self,
        *,
        tag_type: TagType | None = None,
        source: Source | None = None,
        min_confidence: float | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> SynonymsPage:
        """Rows, page by page."""
        return cast("SynonymsPage", await self._json(
            "GET",
            "/api/synonyms",
            query={
                "tag_type": tag_type,
                "source": source,
                "min_confidence": min_confidence,
                "cursor": cursor,
                "limit": limit,
            },
        ))

    async def create_synonyms(self, body: CreateBody) -> TagSynonyms:
        """Write the synonyms of a tag by hand. Creates the tag when it is new. What a person wrote is final: no
        generator overwrites it.
        """
        return cast("TagSynonyms", await self._json("POST", "/api/synonyms", body=body))

    async def lookup_synonyms(self, body: LookupBody) -> LookupAnswer:
        """The synonyms of many tags at once. For up to 500 tags, and for names that a path cannot carry."""
        return cast("LookupAnswer", await self._json("POST", "/api/synonyms/lookup", body=body))

    async def search_tags(
        self,
        q: str,
        *,
        tag_type: TagType | None = None,
        limit: int | None = None,
        lang: Lang | None = None,
        explain: bool | None = None,
        min_score: float | None = None,
        fusion: Fusion | None = None,
    ) -> SearchAnswer:
        """Search tags by words and by meaning. An exact name scores 1.0, another name or a translation 0.90 to 0.99,
        the rest at most 0.89. When a branch could not run, `degraded` says so; that is still a 200.
        """
        return cast("SearchAnswer", await self._json(
            "GET",
            "/api/synonyms/search",
            query={
                "q": q,
                "tag_type": tag_type,
                "limit": limit,
                "lang": lang,
                "explain": explain,
                "min_score": min_score,
                "fusion": fusion,
            },
        ))

    async def synonyms_by_id(
        self,
        id: int,
        *,
        include: Include | None = None,
        if_none_match: str | None = None,
    ) -> TagSynonyms:
        """One row by its number, active or not."""
        return cast("TagSynonyms", await self._json(
            "GET",
            f"/api/synonyms/{quoted(id)}",
            query={"include": include},
            headers={"if-none-match": if_none_match},
        ))

    async def replace_synonyms(self, id: int, body: ReplaceBody, *, if_match: str | None = None) -> TagSynonyms:
        """Replace the synonyms of a row. Generated terms that are left out are kept as rejected, so that no
        generator brings them back.
        """
        return cast("TagSynonyms", await self._json(
            "PUT",
            f"/api/synonyms/{quoted(id)}",
            headers={"if-match": if_match},
            body=body,
        ))

    async def deactivate_synonyms(self, id: int, *, if_match: str | None = None) -> None:
        """Take a row out of use. It leaves a tombstone: generators skip its tag unless forced."""
        await self._nothing("DELETE", f"/api/synonyms/{quoted(id)}", headers={"if-match": if_match})

    async def activate_synonyms(self, id: int) -> TagSynonyms:
        """Take a row into use again."""
        return cast("TagSynonyms", await self._json("POST", f"/api/synonyms/{quoted(id)}/activate"))

    async def synonym_revisions(self, id: int, *, cursor: str | None = None, limit: int | None = None) -> RevisionsPage:
        """The history of a row. It outlives the row and its tag."""
        return cast("RevisionsPage", await self._json(
            "GET",
            f"/api/synonyms/{quoted(id)}/revisions",
            query={"cursor": cursor, "limit": limit},
        ))

    async def revision_by_version(self, id: int, version: int) -> RevisionView:
        """One change of a row."""
        return cast("RevisionView", await self._json("GET", f"/api/synonyms/{quoted(id)}/revisions/{quoted(version)}"))

    async def restore_revision(self, id: int, version: int, *, if_match: str | None = None) -> TagSynonyms:
        """Give a row the content of a former version back. Written as a person's edit: it is final for generators,
        and terms of the row that the version did not have are rejected. Terms that wait for review go on waiting.
        A row that is out of use is taken into use again.
        """
        return cast("TagSynonyms", await self._json(
            "POST",
            f"/api/synonyms/{quoted(id)}/revisions/{quoted(version)}/restore",
            headers={"if-match": if_match},
        ))

    async def synonyms_of_tag(
        self,
        tag_type: TagType,
        tag_name: str,
        *,
        include: Include | None = None,
        if_none_match: str | None = None,
    ) -> TagSynonyms:
        """The synonyms of a tag. The name is matched by its key: case, accents, hyphens and spaces do not matter. A
        `/` in it is sent as `%2F`.
        """
        return cast("TagSynonyms", await self._json(
            "GET",
            f"/api/synonyms/{quoted(tag_type)}/{quoted(tag_name)}",
            query={"include": include},
            headers={"if-none-match": if_none_match},
        ))

    async def list_tags(
        self,
        *,
        tag_type: TagType | None = None,
        has_synonyms: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> TagsPage:
        """Tags, page by page."""
        return cast("TagsPage", await self._json(
            "GET",
            "/api/tags",
            query={"tag_type": tag_type, "has_synonyms": has_synonyms, "cursor": cursor, "limit": limit},
        ))

    async def create_tag(self, body: CreateTagBody) -> TagChange:
        """Create a tag. A tag that is there already, under this name or another spelling of it, comes back with 200."""
        return cast("TagChange", await self._json("POST", "/api/tags", body=body))

    async def merge_tags(self, body: MergeBody) -> TagSynonyms:
        """Merge a tag into another. The tag that stays takes over the active terms of the one that goes, and its
        name as an alias. What was rejected in one of them stays rejected, unless it counts in the other. Terms
        that find no room in their section wait for review.
        """
        return cast("TagSynonyms", await self._json("POST", "/api/tags/merge", body=body))

    async def tag_by_name(self, tag_type: TagType, tag_name: str) -> Tag:
        """One tag."""
        return cast("Tag", await self._json("GET", f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}"))

    async def delete_tag(self, tag_type: TagType, tag_name: str) -> None:
        """Delete a tag with its synonyms. Their history stays."""
        await self._nothing("DELETE", f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}")

    async def rename_tag(self, tag_type: TagType, tag_name: str, body: RenameTagBody) -> TagChange:
        """Rename a tag. Its synonyms are generated anew, unless a person wrote them."""
        return cast("TagChange", await self._json(
            "PATCH",
            f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}",
            body=body,
        ))

    async def generate_tag(self, tag_type: TagType, tag_name: str, body: GenerateBody | None = None) -> JobAccepted:
        """Generate the synonyms of a tag anew."""
        return cast("JobAccepted", await self._json(
            "POST",
            f"/api/tags/{quoted(tag_type)}/{quoted(tag_name)}/generate",
            body=body,
        ))

    async def list_deliveries(
        self,
        *,
        state: DeliveryState | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> DeliveriesPage:
        """What subscribers were told, page by page, and who they are."""
        return cast("DeliveriesPage", await self._json(
            "GET",
            "/api/webhooks/deliveries",
            query={"state": state, "cursor": cursor, "limit": limit},
        ))

    async def retry_delivery(self, id: int) -> OutboundDelivery:
        """Send a webhook again. Now and with fresh attempts, under the same `webhook-id`, whatever has become of it."""
        return cast("OutboundDelivery", await self._json("POST", f"/api/webhooks/deliveries/{quoted(id)}/retry"))

    async def healthz(self) -> Health:
        """Whether the process lives."""
        return cast("Health", await self._json("GET", "/healthz"))

    async def metrics(self) -> str:
        """The metrics of this process, for Prometheus."""
        return await self._text("GET", "/metrics")

    async def readyz(self) -> Readiness:
        """Whether the server can do its work. 503 when a required part is down; the body is the same either way."""
        return cast("Readiness", await self._json("GET", "/readyz"))
