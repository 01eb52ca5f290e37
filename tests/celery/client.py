"""An application of Celery, as the tests need it: sends tasks with the real client and prints what came of them as JSON.

Usage: client.py SCENARIO [ARGUMENT…], with the broker's URL in BROKER.
"""

import json
import os
import sys
import time

import redis
from celery import Celery, chain, chord, group

BROKER = os.environ["BROKER"]
GENERATE = "synonym.generate_synonyms_for_tag"
GENERATE_ALL = "synonym.generate_all_synonyms"
PATIENCE = 600

app = Celery("library", broker=BROKER, backend=BROKER)
app.conf.task_default_queue = "synonym"


def say(value):
    print(json.dumps(value), flush=True)


def send(*args, task=GENERATE, **options):
    return app.send_task(task, args=list(args), queue="synonym", **options)


def outcome(result, timeout=PATIENCE):
    """The value, or the name of the exception and its text."""
    try:
        return {"value": result.get(timeout=timeout)}
    except BaseException as error:
        return {"error": type(error).__name__, "text": str(error)}


def many(count):
    """Many tasks of mixed priority; in which order they were done."""
    sent = {}
    for number in range(int(count)):
        # None, and each step of Celery.
        priority = [None, 9, 6, 3, 1][number % 5]
        sent[send("genre", f"celery genre {number}", priority=priority)] = priority
    done = []
    for result, priority in sent.items():
        value = result.get(timeout=PATIENCE)
        done.append([priority, result.date_done.isoformat(), value["tag_name"], len(value["synonyms"]["search_terms"])])
    say(done)


def one(tag_type, name, *options):
    """One task with options as JSON."""
    kwargs = json.loads(options[0]) if options else {}
    say(outcome(send(tag_type, name, kwargs=kwargs)))


def answers():
    """What callers are told of good and bad calls."""
    said = {
        "by_name": outcome(app.send_task(GENERATE, kwargs={"tag_type": "mood", "tag_name": "wistful"}, queue="synonym")),
        "again": outcome(send("mood", "wistful")),
        "forced": outcome(send("mood", "wistful", kwargs={"force": True, "related_tags": ["sepia", "longing"]})),
        "no_type": outcome(send("artist", "x")),
        "no_name": outcome(send("genre", " ")),
        "unknown_argument": outcome(send("genre", "dub", kwargs={"colour": "red"})),
        "unknown_task": outcome(send("x", task="library.import")),
        "all": outcome(send("mood", task=GENERATE_ALL)),
    }
    step = lambda name: app.signature(GENERATE, args=("mood", name), queue="synonym")
    said["group"] = [row["tag_name"] for row in group([step("serene"), step("tense")]).apply_async().get(timeout=PATIENCE)]
    ignored = send("mood", "placid", ignore_result=True)
    outcome(send("mood", "after placid"))
    said["ignored"] = redis.Redis.from_url(BROKER).get(f"celery-task-meta-{ignored.id}") is None
    say(said)


def refused():
    """Messages that are not done, and messages that cannot be read; a good one behind them is."""
    raw = redis.Redis.from_url(BROKER)
    step = lambda name: app.signature(GENERATE, args=("genre", name), queue="synonym")
    followed = chain(step("a"), step("b"), step("c")).apply_async()
    header_and_body = chord([step("a"), step("b")], step("c")).apply_async()
    linked = step("a").apply_async(link=step("b"))
    first = {"task": GENERATE, "id": "protocol-1", "args": ["genre", "x"], "kwargs": {}, "retries": 0}
    import base64

    def push(body, **properties):
        envelope = {
            "body": base64.b64encode(json.dumps(body).encode()).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {},
            "properties": {
                "body_encoding": "base64",
                "delivery_tag": "tag-" + str(time.time()),
                "delivery_info": {"exchange": "", "routing_key": "synonym"},
                **properties,
            },
        }
        raw.lpush("synonym", json.dumps(envelope))

    push(first)
    push(["no", "task"])
    for poison in (b"", b"not json", b"\xff\xfe\x00", b"[]", b"null", b"{}", b"[" * 5000, b'{"properties": 1}'):
        raw.lpush("synonym", poison)
    good = send("genre", "good")
    say(
        {
            "chain_last": outcome(followed),
            "chain_middle": outcome(followed.parent),
            "chain_first": outcome(followed.parent.parent),
            "chord": outcome(header_and_body),
            "link": outcome(linked),
            "zlib": outcome(send("genre", "x", compression="zlib")),
            "pickle": outcome(send("genre", "x", serializer="pickle")),
            "protocol_1": outcome(app.AsyncResult("protocol-1")),
            "good": outcome(good),
            "left": raw.llen("synonym"),
            "unacked": raw.hlen("unacked"),
            "aside": raw.llen("musonym.unreadable.synonym"),
        }
    )


def times():
    """Tasks for later, for a while, and out of date."""
    began = time.time()
    later = send("genre", "later", countdown=2)
    value = outcome(later)
    waited = time.time() - began
    say(
        {
            "later": value,
            "waited": waited,
            "expired": outcome(send("genre", "expired", expires=-1)),
            "expires_while_it_waits": outcome(send("genre", "expires early", countdown=60, expires=1)),
        }
    )


def send_only(*names):
    """Sends tasks and says their ids."""
    say([send("genre", name).id for name in names])


def send_with(name, options):
    """Sends a task with options as JSON and says its id."""
    say(send("genre", name, **json.loads(options)).id)


def send_with_all(tag_type):
    """Has all tags of a type written, and says what came of it."""
    say(outcome(send(tag_type, task=GENERATE_ALL)))


def pings():
    """The names of the workers that answer."""
    say([name for answer in app.control.ping(timeout=2) for name in answer])


def wait_for(*ids):
    """What became of tasks that were sent before."""
    say([outcome(app.AsyncResult(id)) for id in ids])


def revoke(id, terminate):
    """Takes a task back."""
    app.control.revoke(id, terminate=terminate == "terminate")
    say(True)


def inspect():
    """What the workers say of themselves."""
    asked = app.control.inspect(timeout=3)
    names = ("ping", "active", "reserved", "scheduled", "registered", "stats", "active_queues", "conf")
    said = {name: getattr(asked, name)() for name in names}
    host = next(iter(said["ping"]), None)
    said["by_name"] = app.control.ping(destination=[host], timeout=3)
    said["by_other_name"] = app.control.ping(destination=["celery@elsewhere"], timeout=1)
    said["by_pattern"] = app.control.ping(pattern="musonym@*", matcher="glob", timeout=3)
    said["unknown"] = app.control.broadcast("no_such_method", reply=True, timeout=3)
    say(said)


def events():
    """The events around one task, as a monitor hears them."""
    heard = []
    sent = {}

    def on_event(event):
        heard.append({key: event.get(key) for key in ("type", "hostname", "uuid", "name", "args", "result")})
        if "id" not in sent and event["type"] == "worker-heartbeat":
            sent["id"] = send("genre", "heard of").id
        if event["type"] == "task-succeeded":
            receiver.should_stop = True

    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": on_event})
        receiver.capture(limit=None, timeout=PATIENCE, wakeup=False)
    say({"id": sent["id"], "heard": heard})


def heard(count):
    """How often each kind of event is heard of each of some tasks, which are all answered."""
    counts = {}
    done = set()

    def on_event(event):
        if event.get("uuid"):
            of_task = counts.setdefault(event["uuid"], {})
            of_task[event["type"]] = of_task.get(event["type"], 0) + 1
            if event["type"] in ("task-succeeded", "task-failed"):
                done.add(event["uuid"])
        elif not counts and event["type"] == "worker-heartbeat":
            for number in range(int(count)):
                counts[send("genre", f"heard {number}").id] = {}
        receiver.should_stop = bool(counts) and len(done) >= int(count)

    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": on_event})
        receiver.capture(limit=None, timeout=PATIENCE, wakeup=False)
    say({id: {"events": of_task, **outcome(app.AsyncResult(id))} for id, of_task in counts.items()})


globals()[sys.argv[1]](*sys.argv[2:])
