//! The steps of a commit. Each returns whether the next may follow at once.

use super::{
    super::{
        log_ends::Gap,
        offsets::{self, Offsets},
        parts::Parts,
        phase::{Phase, Prepared},
        prepare,
    },
    Commits,
};
use crate::{
    ErrorKind, Result,
    client::{Answer, BatchReport, answer::waker_of_this_thread},
    planted::{PlantedBug, is_planted},
};

impl Commits {
    /// Makes the step after a phase.
    pub(super) fn step(
        &mut self,
        phase: Phase,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        match phase {
            Phase::Draining | Phase::Forwarding(_) | Phase::Staging(..) => {
                self.prepare(phase, parts, now_ms)
            }
            Phase::Flushing(offsets, flushed) => self.flush(offsets, flushed, parts, now_ms),
            Phase::Flushed(prepared) => {
                let sent = offsets::begin(&prepared.offsets, parts);
                self.phase = Some(Phase::Offsets(prepared, sent));
                Ok(true)
            }
            Phase::Offsets(prepared, sent) => self.send_offsets(prepared, sent, parts, now_ms),
            Phase::Ending(prepared, ended) => self.end(prepared, ended, parts, now_ms),
            Phase::Mending(gaps, flushed) => self.mend(gaps, flushed, parts, now_ms),
        }
    }

    /// Stays in a phase until the next call.
    #[expect(clippy::unnecessary_wraps, reason = "it ends a step, as other outcomes do")]
    fn stay(&mut self, phase: Phase) -> Result<bool> {
        self.phase = Some(phase);
        Ok(false)
    }

    /// A step of the tasks.
    fn prepare(&mut self, phase: Phase, parts: &mut Parts<'_>, now_ms: i64) -> Result<bool> {
        self.phase = Some(match phase {
            Phase::Forwarding(mut forwarded) => {
                if !prepare::forward(parts, &mut forwarded)? {
                    return self.stay(Phase::Forwarding(forwarded));
                }
                Phase::Flushing(None, parts.writer.begin_flush())
            }
            Phase::Staging(mut offsets, mut staged) => {
                if !prepare::stage(parts, &mut offsets, &mut staged)? {
                    return self.stay(Phase::Staging(offsets, staged));
                }
                if is_planted(PlantedBug::CommitBeforeFlush) {
                    offsets::commit_before_flush(&offsets, parts)?;
                    let written = parts.writer.flush(parts.mend.logs())?;
                    return self.complete(written, parts, now_ms).map(|()| true);
                }
                let flushed = parts.writer.begin_flush();
                if self.overlaps {
                    parts.writer.hold();
                }
                Phase::Flushing(Some(offsets), flushed)
            }
            _ if !prepare::drain(parts, now_ms)? => return self.stay(Phase::Draining),
            _ if prepare::sends_results_first(parts) => Phase::Forwarding(None),
            _ => Phase::Staging(Offsets::new(), None),
        });
        Ok(true)
    }

    /// The step after a flush.
    fn flush(
        &mut self,
        offsets: Option<Offsets>,
        mut flushed: Answer<Vec<BatchReport>>,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        let Some(reports) = self.answer(&mut flushed) else {
            return self.stay(Phase::Flushing(offsets, flushed));
        };
        let written = parts.writer.flushed(reports, parts.mend.logs());
        let checked = parts.check_logged();
        let written = written.and_then(|written| checked.map(|()| written))?;
        if !parts.writer.is_transactional() {
            parts.writer.go_on(now_ms)?;
        }
        self.phase = Some(match offsets {
            Some(offsets) => Phase::Flushed(Prepared { offsets, written }),
            None => Phase::Staging(Offsets::new(), None),
        });
        Ok(true)
    }

    /// The step of the offsets, which complete the commit if there is no transaction.
    fn send_offsets(
        &mut self,
        prepared: Prepared,
        mut sent: Answer<()>,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        let Some(said) = self.answer(&mut sent) else {
            return self.stay(Phase::Offsets(prepared, sent));
        };
        let prepared = self.unless_unavailable(prepared, said)?;
        if offsets::has_transaction(&prepared.offsets, parts) {
            let ended = parts.writer.begin_commit();
            self.phase = Some(Phase::Ending(prepared, ended));
        } else {
            self.complete(prepared.written, parts, now_ms)?;
        }
        Ok(true)
    }

    /// The step of the transaction's end.
    fn end(
        &mut self,
        prepared: Prepared,
        mut ended: Answer<()>,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        let Some(said) = self.answer(&mut ended) else {
            return self.stay(Phase::Ending(prepared, ended));
        };
        let prepared = self.unless_unavailable(prepared, said)?;
        parts.writer.has_ended();
        self.complete(prepared.written, parts, now_ms)?;
        Ok(true)
    }

    /// A step of the foreign rows in changelogs.
    fn mend(
        &mut self,
        gaps: Vec<Gap>,
        flushed: Option<Answer<Vec<BatchReport>>>,
        parts: &mut Parts<'_>,
        now_ms: i64,
    ) -> Result<bool> {
        let Some(mut flushed) = flushed else {
            let flushed = match parts.writer.has_room() {
                Ok(false) => return self.stay(Phase::Mending(gaps, None)),
                Ok(true) => parts.writer.begin_flush(),
                Err(error) => Answer::ready(Err(error)),
            };
            self.phase = Some(Phase::Mending(gaps, Some(flushed)));
            return Ok(true);
        };
        let Some(reports) = self.answer(&mut flushed) else {
            return self.stay(Phase::Mending(gaps, Some(flushed)));
        };
        parts.mend.flushed(gaps, reports, (parts.tasks, parts.writer))?;
        parts.mend.read_gaps(parts.tasks, now_ms)?;
        Ok(true)
    }

    fn answer<T>(&mut self, asked: &mut Answer<T>) -> Option<Result<T>> {
        asked.poll_with(self.waker.get_or_insert_with(waker_of_this_thread))
    }

    /// Keeps the prepared commit for later if the cluster could not serve it now.
    fn unless_unavailable(&mut self, prepared: Prepared, said: Result) -> Result<Prepared> {
        let Err(error) = said else { return Ok(prepared) };
        let later = Some(Phase::Flushed(prepared));
        self.phase = later.filter(|_| error.kind() == ErrorKind::Unavailable);
        Err(error)
    }
}
