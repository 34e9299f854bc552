"""The protocol with a mistake in it: the simulation has to see each of these."""

from tests.simulation.mutant import Mutant, install_mutant
from tests.simulation.mutants_in_columns import IN_COLUMNS

_QUARANTINE = """            if outcome.rejections:
                await self._quarantine(work, outcome.rejections, report)
"""
_PUBLISHED = "                await self.publish(outcome.events, report)\n"
_UNAVAILABLE = "                except Unavailable:\n                    pass\n"
_PUBLISH = f"            if outcome.events:\n{_PUBLISHED}"
_COMMITTED = "                report.committed(outcome, work.batch, page_bytes)\n"


def _after_commit(step: str) -> tuple[str, str]:
    moved = "".join(f"    {line}\n" for line in step.splitlines())
    return _COMMITTED, _COMMITTED + moved


MUTANTS = {
    "a page is saved without If-Match": Mutant(
        "consumer.pages.store",
        "await self._objects.replace(page.key, body, page.e_tag)",
        "(await self._objects.write(page.key, body), None)[1]",
    ),
    "a refused PUT is taken for a commit": Mutant(
        "consumer.pipeline",
        "report.add(page_conflicts=int(page.is_confirmed))\n                    raise\n",
        "page_bytes = 0\n",
    ),
    "events are published after the commit": Mutant(
        "consumer.pipeline", _PUBLISH, "", _after_commit(_PUBLISH)
    ),
    "events are not published again after a failure": Mutant(
        "consumer.pipeline",
        _PUBLISHED,
        f"                try:\n    {_PUBLISHED}{_UNAVAILABLE}",
    ),
    "checkpoints are compared as text": Mutant(
        "consumer.learning.state",
        "checkpoint.sequence_number < batch.records.first_sequence_number",
        "str(checkpoint.sequence_number) < str(batch.records.first_sequence_number)",
    ),
    "a page has one checkpoint": Mutant(
        "consumer.learning.page_learner",
        "        state.advance(done, self.batch)\n",
        "        state.advance(done, self.batch)\n"
        "        for each in self.states.values():\n"
        "            each.checkpoints[self.batch.shard] = state.checkpoints[self.batch.shard]\n",
    ),
    "checkpoints are of a shard id, whatever the stream": Mutant(
        "consumer.decode.records",
        "    shard_id: str\n\n    @property",
        "    shard_id: str\n\n"
        "    def __eq__(self, other):\n        return self.shard_id == other.shard_id\n\n"
        "    def __hash__(self):\n        return hash(self.shard_id)\n\n    @property",
    ),
    "of equal sequence numbers the last partition key alone is known": Mutant(
        "consumer.learning.state",
        "if delivered.are_distinct else _partition_keys(records, batch)",
        "if True else ()",
    ),
    "the page is warm before it is written": Mutant(
        "consumer.pages.store",
        "        (body, page.is_full), page.encoded = page.encoded, None\n",
        "        (body, page.is_full), page.encoded = page.encoded, None\n"
        "        self._keep_warm(page, len(body))\n",
    ),
    "a warm page's events are published unconfirmed": Mutant(
        "consumer.pipeline", "if learner.outcome.needs_confirmed_page:", "if False:"
    ),
    "any error of a GET is a new page": Mutant(
        "consumer.aws.s3",
        'raise Unavailable(f"GET {key}: {_brief(error)}") from error',
        "return Missing()",
    ),
    "the highest failed sequence number is reported": Mutant(
        "consumer.pipeline", "return min(left, default=None)", "return max(left, default=None)"
    ),
    "what time did not suffice for is not reported": Mutant(
        "consumer.learning.page_learner", "                self.outcome.defer(left)\n", ""
    ),
    "quarantine comes after the commit": Mutant(
        "consumer.pipeline", _QUARANTINE, "", _after_commit(_QUARANTINE)
    ),
    "a failed quarantine is not reported": Mutant(
        "consumer.pipeline",
        "            return rejections.first_record\n",
        "            return None\n",
    ),
    "times that cannot be are believed": Mutant(
        "consumer.settings.signal_settings", "        batch.disbelieve(self.times)\n", ""
    ),
    "what is measured at a time that cannot be makes others late": Mutant(
        "consumer.learning.state",
        "if (record, columns.positions[index]) in batch.disbelieved:",
        "if False:",
    ),
    "models draw seeds of their own": Mutant(
        "consumer.detectors.base",
        "    model = clone(pattern, _seeds(pattern, seed))\n    _seed_hidden(model, seed, set())\n",
        "    model = clone(pattern, {})\n",
    ),
    "models are moved without fences": Mutant(
        "ops.state.repage",
        "            await self._replace_each(old.folder, _fenced, version)\n",
        "            pass\n",
    ),
    "a new page is trusted though the models moved": Mutant("consumer.pipeline", "if is_new:", "if False:"),
    "what is left unread is not reported": Mutant(
        "consumer.pipeline", "[] if unread_from is None else [unread_from]", "[]"
    ),
    "a batch is cut between records of one sequence number": Mutant(
        "consumer.decode.fast_payloads", " and not self._batch.records.shares_number(record, record - 1)", ""
    ),
    "a page takes one signal too many": Mutant(
        "consumer.learning.page_learner",
        "len(self.states) >= self.signals_max",
        "len(self.states) > self.signals_max",
    ),
    "signals that are refused are forgotten": Mutant(
        "consumer.learning.page_learner",
        "                outcome.reject_signal(",
        "                (lambda *_: None)(",
    ),
    "what is known of a sensor is not kept": Mutant(
        "consumer.learning.states", "        elif self.has_health[slot] and", "        elif False and"
    ),
    "bad quality is counted out of order": Mutant(
        "consumer.learning.signal_learner", "sorted(refs, key=lambda one: one[0][:2])", "refs"
    ),
    "what a calendar pauses is learned": Mutant(
        "consumer.learning.signal_learner", "if not pauses.is_on(one_s)]", "]"
    ),
    "bad quality is told during a calendar's events": Mutant(
        "consumer.learning.signal_learner", "if is_empty and pauses is not None and", "if False and"
    ),
    "a model that raised is kept half changed": Mutant(
        "consumer.learning.page_learner",
        "            if key in states:\n                self.states[key] = states[key].copy()\n",
        "            if key in states:\n                pass\n",
    ),
    "a rollback takes the checkpoints back": Mutant(
        "ops.state.rollback",
        "return msgspec.structs.replace(state, checkpoints=dict(checkpoints))",
        "return state",
    ),
    "a reset forgets the checkpoints": Mutant(
        "ops.commands.reset",
        "        state.start_anew(",
        "        state.checkpoints = {}\n        state.start_anew(",
    ),
    "an upgrade learns what is in quarantine": Mutant(
        "ops.quarantine.left_out",
        "if record in of_records and position in of_records[record]:",
        "if False:",
    ),
    "shards of two streams are one where their ids are": Mutant(
        "ops.replay.stream_reader",
        "if len(left) < len(open_shards):",
        "if len({shard.shard_id for shard in left}) < len({shard.shard_id for shard in open_shards}):",
    ),
    "a page that cannot be read is a new one": Mutant(
        "consumer.pages.store",
        '            raise UnreadablePage(f"the page {key} cannot be read: {error}") from error\n',
        "            return Page(key, found.e_tag, {})\n",
    ),
    "many models that raise are a bad deployment": Mutant(
        "consumer.learning.outcome", "if not can_learn(self.name, self.use_case):", "if True:"
    ),
    "an upgrade goes by what its question showed": Mutant(
        "ops.upgrade.build",
        '    check_unchanged(shown.essence, plan.essence, "what there is to build")\n',
        "    plan = shown\n"
        "    if plan.upgrade is not None:\n"
        "        plan.upgrade._e_tag = (await plan.upgrade._read_layout())[1]\n",
    ),
    "what was redriven is sent again": Mutant(
        "ops.redrive.redrive", "sent = set(ledger.record.sent)", "sent = set()"
    ),
    "what was learned since is redriven": Mutant(
        "ops.quarantine.command", "lines = [line for line in lines if line.id not in left]", "pass"
    ),
    "what a full or broken page should have learned is forgotten": Mutant(
        "consumer.pipeline",
        "            await self._quarantine(work, work.part.rejected(str(error)), report)\n",
        "            pass\n",
    ),
    "a page larger than the memory ends the invocation": Mutant(
        "consumer.pages.store",
        '            raise UnreadablePage(f"the page {key} has {found.size} bytes, '
        'more than there is memory for")\n',
        "",
    ),
    "pages do not wait for room": Mutant(
        "consumer.pages.store",
        "if self.taken and self.taken + needed > bytes_max:",
        "if False:",
    ),
    "a page keeps the room of one of unknown size": Mutant(
        "consumer.pages.store", "if held is not None and needed > held:", "if False:"
    ),
    "what can never be decoded is delivered again": Mutant(
        "consumer.pipeline",
        "        report.add(quarantined=len(rejections))\n        return None\n",
        "        report.add(quarantined=len(rejections))\n        return rejections.first_record\n",
    ),
    "a row at which a model raised stays in its asset": Mutant(
        "consumer.learning.page_learner",
        "            signal.forget_rows(failed.waiting(key))\n",
        "            pass\n",
    ),
    "signals whose models raise are left for the next delivery": Mutant(
        "consumer.pipeline",
        "            learner.outcome.raised = {}\n            learner.learn(raised)\n",
        "            learner.defer(raised)\n            break\n",
    ),
    "once a model raised, nothing that follows is learned": Mutant(
        "consumer.learning.outcome", "if len(raised) >= RAISES_PER_SIGNAL_MAX:", "if raised:"
    ),
    "only what a use case expects is its own failure": Mutant(
        "consumer.learning.page_learner",
        "                self._learn_signal(key, state, columns)\n            except BaseException as error:",
        "                self._learn_signal(key, state, columns)\n"
        "            except ArithmeticError as error:",
    ),
    "the end of a silence is not told": Mutant(
        "consumer.detectors.sensor_checks",
        "return [finding] if finding and health.is_stale_alone else []",
        "return []",
    ),
    "a clock that is ahead makes all else late": Mutant(
        "consumer.learning.state", "    return arrived_s is None or", "    return True or"
    ),
    "a time without a zone is the process's own": Mutant(
        "consumer.decode.times", "moment = moment.replace(tzinfo=zone)", "moment = moment.astimezone(zone)"
    ),
    "a record may hold anything": Mutant(
        "consumer.decode.batch",
        "return observations <= OBSERVATIONS_PER_RECORD_MAX",
        "return observations <= 2 * OBSERVATIONS_PER_RECORD_MAX",
    ),
    "by asset, what comes among values stays a signal of its own": Mutant(
        "consumer.decode.signal_names",
        "return key if assets is None else",
        "return key if assets is None or key.record_signal != key.signal else",
    ),
    "by asset, what carries nothing to learn stays where its record put it": Mutant(
        "consumer.decode.observed_columns",
        "[int(numbers[number]) for number in self.skipped_numbers]",
        "list(self.skipped_numbers)",
    ),
    **IN_COLUMNS,
}


def mutated(name: str, source: str) -> str:
    """The module's source with the mistake in it; raises `LookupError` where the source is another by now."""
    return MUTANTS[name].applied(source)


def install(name: str) -> None:
    """Have the module read with its mistake; nothing where there is no name."""
    if name:
        install_mutant(MUTANTS[name])
