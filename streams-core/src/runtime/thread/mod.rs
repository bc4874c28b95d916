//! A stream thread: a member of the group with its tasks.
//!
//! [`StreamThread`] is a schedule, and `turn.rs` the order of its turn. Its parts know their own
//! state and not the thread: each gets everything else that it needs as arguments.
//!
//! | part | what it knows |
//! |---|---|
//! | `member` | membership, target, when the group was last heard |
//! | `tasks` | each task whose state is open, in one slot |
//! | `restores` | orders to the restorer, and what came of them |
//! | `input` | the consumer, and where each partition begins |
//! | `writer`, `producing`, `refused_rounds` | the producer and its transaction, and records that the cluster refuses |
//! | `commit`, `prepare`, `offsets` | the four steps of a commit |
//! | `topics` | partition counts, and when they were looked at |
//! | `log_ends`, `mend`, `foreign_keys` | where changelogs end, and rows in them that others wrote |
//! | `starting` | where a restored task begins, as far as that is known |
//! | `watch` | partitions that stand still |
//! | `asked` | a question to the control plane: nothing but processing blocks the thread |
//! | `measuring`, `spans` | what the thread tells of itself, for metrics and traces |
//! | `pace`, `patience` | how long a run may be, and how long the cluster may fail |
//!
//! `holdings` has all of these that belong to tasks. Four files coordinate several of them:
//! `hand_over` follows the target, `start` makes a task, `work` processes, `ending` ends.

mod asked;
mod commit;
mod ending;
mod foreign_keys;
mod hand_over;
mod holdings;
mod idle;
mod input;
mod inspect;
mod log_ends;
mod measuring;
mod member;
mod mend;
mod offsets;
mod pace;
mod parts;
mod patience;
mod phase;
mod prepare;
mod producing;
mod purge;
mod refused_rounds;
mod restores;
mod spans;
mod start;
mod starting;
mod tasks;
mod topics;
mod turn;
mod watch;
mod work;
mod writer;

pub(crate) use self::turn::{StreamThread, Turn};
pub(super) use self::{
    patience::is_transient,
    restores::{Order, Orders, Outcome, Progress},
    watch::Reading,
};
