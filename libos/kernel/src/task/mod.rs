//! Processes and threads: their objects, the table of them, and their life (clone, exec, exit, wait).

mod block;
mod clone;
mod exec;
mod exit;
mod jobs;
mod process;
mod relations;
mod scheduling;
mod table;
mod thread;
mod usage;
mod wait;

pub use block::{
    Block, Blocks, THREAD_ENTRY, current, lock_given, lock_owner, lock_taken, offset, shelf, try_current,
};
pub use clone::{CloneArgs, clone, flag as clone_flag};
pub use exec::{Executed, FIRST_PROCESS, Image, execute, start_first};
pub use exit::end_threads;
pub use exit::{ExitCode, exit_group, exit_thread, host_killed};
pub use jobs::{continue_orphans, is_orphaned, set_process_group, set_session};
pub use process::{Identity, Limits, Process, Program, Seed, wish_to_inherit};
pub use relations::{Relations, StopState, children_of, set_stopped};
pub use scheduling::{Cpus, MAX_CPUS, Scheduling, policy as sched_policy};
pub use table::{
    all_processes, count_tasks, find_process, find_task, find_thread, group_members, insert, insert_thread,
    new_id, remove, remove_thread, set_bound, whole_group,
};
pub use thread::{Thread, current_ids};
pub use usage::{Usage, named_clock, process_clocks};
pub use wait::{Change, WaitFor, Waited, option, wait_child};
