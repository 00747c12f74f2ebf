//! Whole programs as they are used, unmodified, in an instance: builds, version control, interpreters, databases,
//! a terminal multiplexer. Each must do what it does on Linux.

use bailey_tests::conformance;

macro_rules! programs {
    ($($name:ident: $program:literal),* $(,)?) => { $(
        #[test]
        fn $name() {
            conformance::agrees_with_linux($program, &[]);
        }
    )* };
}

programs! {
    git_clone: "git_clone.sh",
    make_project: "make_project.sh",
    node_workers: "node_workers.mjs",
    python_processes: "python_processes.py",
    redis_benchmark: "redis_benchmark.sh",
    rsync_trees: "rsync_trees.sh",
    sox_sounds: "sox_sounds.sh",
    sqlite_wal: "sqlite_wal.sh",
    tmux_panes: "tmux_panes.sh",
}
