"""A Python worker of the same queue: `python -m celery -A worker worker …`, with the broker's URL in BROKER."""

import os

import redis
from celery import Celery

app = Celery("library", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
app.conf.task_default_queue = "synonym"
app.conf.broker_transport_options = {"visibility_timeout": int(os.environ.get("VISIBILITY_TIMEOUT", "3600"))}
app.conf.worker_prefetch_multiplier = 1

store = redis.Redis.from_url(os.environ["BROKER"])


@app.task(name="synonym.generate_synonyms_for_tag", bind=True)
def generate_synonyms_for_tag(self, tag_type, tag_name, force=False, related_tags=None):
    trace = getattr(self.request, "traceparent", None)
    if trace:
        store.set(f"traceparent of {tag_name}", trace)
    if store.exists("python waits"):
        store.rpush("python took", tag_name)
        store.blpop("python goes on", timeout=60)
    if tag_name == "impossible":
        raise ValueError("no such genre")
    return {
        "tag_type": tag_type,
        "tag_name": tag_name,
        "source": "python",
        "synonyms": {
            "search_terms": [f"{tag_name} by python", f"{tag_name} music", "second term", "third term", "fourth term"],
            "related_tags": list(related_tags or ["ambient"]),
            "usage_context": ["late evenings"],
            "translations": {"en": [], "fr": ["musique de nuit"]},
        },
    }
