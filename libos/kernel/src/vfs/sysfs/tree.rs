//! The tree of `/sys`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::errno::{Errno, Result};
use crate::vfs::setup;
use crate::vfs::synthetic::{Listing, Node, Subject, SyntheticFs, SyntheticInode};

static SYSFS: SyntheticFs = SyntheticFs { name: "sysfs", dev: 0x0ff0_0003, magic: 0x6265_6572 };

fn cpu_range(_: &Subject) -> Result<String> {
    let last = setup::machine().cpus.saturating_sub(1);
    Ok(if last == 0 { "0\n".to_string() } else { format!("0-{last}\n") })
}

fn cpu_mask(_: &Subject) -> Result<String> {
    let cpus = setup::machine().cpus.min(63);
    Ok(format!("{:x}\n", (1_u64 << cpus) - 1))
}

fn own_cpu(subject: &Subject) -> Result<String> {
    Ok(format!("{}\n", subject.number))
}

fn own_mask(subject: &Subject) -> Result<String> {
    Ok(format!("{:x}\n", 1_u64 << subject.number.min(63)))
}

struct Cpus;

impl Listing for Cpus {
    fn names(&self, _: &Subject) -> Result<Vec<String>> {
        Ok((0..setup::machine().cpus).map(|cpu| format!("cpu{cpu}")).collect())
    }

    fn find(&self, _: &Subject, name: &str) -> Result<(&'static Node, Subject)> {
        let number = name.strip_prefix("cpu").and_then(|rest| rest.parse::<u32>().ok());
        match number.filter(|number| *number < setup::machine().cpus) {
            Some(number) => Ok((&CPU, Subject { number, ..Subject::default() })),
            None => Err(Errno::ENOENT),
        }
    }
}

static CPU: Node = Node::Directory(&[
    ("online", Node::Fixed("1\n")),
    (
        "topology",
        Node::Directory(&[
            ("core_id", Node::Text(own_cpu)),
            ("physical_package_id", Node::Fixed("0\n")),
            ("core_siblings", Node::Text(cpu_mask)),
            ("core_siblings_list", Node::Text(cpu_range)),
            ("core_cpus", Node::Text(own_mask)),
            ("core_cpus_list", Node::Text(own_cpu)),
            ("thread_siblings", Node::Text(own_mask)),
            ("thread_siblings_list", Node::Text(own_cpu)),
        ]),
    ),
]);

static ROOT: Node = Node::Directory(&[
    ("block", Node::Directory(&[])),
    ("bus", Node::Directory(&[])),
    ("class", Node::Directory(&[])),
    ("dev", Node::Directory(&[("block", Node::Directory(&[])), ("char", Node::Directory(&[]))])),
    (
        "devices",
        Node::Directory(&[(
            "system",
            Node::Directory(&[
                (
                    "cpu",
                    Node::Dynamic(
                        &Cpus,
                        &[
                            ("online", Node::Text(cpu_range)),
                            ("possible", Node::Text(cpu_range)),
                            ("present", Node::Text(cpu_range)),
                            ("kernel_max", Node::Fixed("63\n")),
                        ],
                    ),
                ),
                (
                    "node",
                    Node::Directory(&[
                        ("online", Node::Fixed("0\n")),
                        ("possible", Node::Fixed("0\n")),
                        (
                            "node0",
                            Node::Directory(&[
                                ("cpulist", Node::Text(cpu_range)),
                                ("cpumap", Node::Text(cpu_mask)),
                            ]),
                        ),
                    ]),
                ),
            ]),
        )]),
    ),
    ("firmware", Node::Directory(&[])),
    ("fs", Node::Directory(&[("cgroup", Node::Directory(&[]))])),
    (
        "kernel",
        Node::Directory(&[(
            "mm",
            Node::Directory(&[(
                "transparent_hugepage",
                Node::Directory(&[
                    ("enabled", Node::Fixed("always madvise [never]\n")),
                    ("hpage_pmd_size", Node::Fixed("2097152\n")),
                ]),
            )]),
        )]),
    ),
    ("module", Node::Directory(&[])),
]);

/// The root of `/sys`.
pub fn root() -> Arc<SyntheticInode> {
    SyntheticInode::root(&SYSFS, &ROOT)
}
