//! What every instance sees of the host by default, and the files that are made for it.

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bailey_abi::boot::SyntheticFile;
use bailey_abi::network::{GATEWAY_V4, HOST_LOOPBACK, RESOLVER_V4};

use super::check::GrantSpec;
use crate::network::Access;

/// System trees, read-only. Some are links on merged-`/usr` systems and are shown as such.
const TREES: [&str; 8] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc"];
const SYMLINK: u32 = 0o120_000;

/// Grants and links for the system's own files.
pub(super) fn view() -> (Vec<GrantSpec>, Vec<SyntheticFile>) {
    let (mut grants, mut links) = (Vec::new(), Vec::new());
    for tree in TREES {
        let Ok(metadata) = fs::symlink_metadata(tree) else {
            continue;
        };
        if metadata.is_symlink() {
            let target = fs::read_link(tree).unwrap_or_default();
            links.push(SyntheticFile {
                path: tree.to_owned(),
                mode: SYMLINK | 0o777,
                contents: target.into_os_string().into_encoded_bytes(),
            });
        } else if metadata.is_dir() && metadata.mode() & 0o5 == 0o5 {
            grants.push(GrantSpec {
                host: PathBuf::from(tree),
                guest: tree.to_owned(),
                writable: false,
                immutable: true,
                private: false,
                file: false,
                public_only: true,
            });
        }
    }
    (grants, links)
}

/// Who the instance's user is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity<'a> {
    pub(super) user: &'a str,
    pub(super) uid: u32,
    pub(super) home: &'a str,
    pub(super) hostname: &'a str,
}

/// The files of `/etc` that say who and where the instance is. They replace the host's own.
pub(super) fn files(identity: Identity<'_>, network: Option<&Access>) -> Vec<SyntheticFile> {
    let Identity { user, uid, home, hostname } = identity;
    let shell = if Path::new("/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    let file = |path: &str, contents: String| SyntheticFile {
        path: path.to_owned(),
        mode: 0o644,
        contents: contents.into_bytes(),
    };
    vec![
        file(
            "/etc/passwd",
            format!(
                "root:x:0:0:root:/root:{shell}\n{user}:x:{uid}:{uid}:{user}:{home}:{shell}\n\
                 nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
            ),
        ),
        file("/etc/group", format!("root:x:0:\ntty:x:5:\n{user}:x:{uid}:\nnogroup:x:65534:\n")),
        file("/etc/hosts", hosts(hostname, network)),
        file("/etc/hostname", format!("{hostname}\n")),
        file("/etc/resolv.conf", resolver(network)),
        file(
            "/etc/nsswitch.conf",
            format!(
                "passwd: files\ngroup: files\nshadow: files\nhosts: files{}\nnetworks: files\n\
                 protocols: files\nservices: files\n",
                if network.is_some() { " dns" } else { "" }
            ),
        ),
        file("/etc/machine-id", machine_id(hostname)),
    ]
}

fn hosts(hostname: &str, network: Option<&Access>) -> String {
    let mut hosts = format!("127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n::1\tlocalhost\n");
    if network.is_some_and(Access::has_loopback) {
        hosts.push_str(&format!("{}\t{HOST_LOOPBACK}\n", Ipv4Addr::from(GATEWAY_V4)));
    }
    hosts
}

fn resolver(network: Option<&Access>) -> String {
    match network {
        None => "# This instance has no network.\n".to_owned(),
        Some(_) => {
            format!("# Answered by the instance's kernel.\nnameserver {}\n", Ipv4Addr::from(RESOLVER_V4))
        }
    }
}

/// 32 digits that say nothing about the host: FNV-1a of the name, twice.
fn machine_id(name: &str) -> String {
    let hash = |seed: u64| {
        name.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    };
    format!("{:016x}{:016x}\n", hash(0xcbf2_9ce4_8422_2325), hash(0x8422_2325_cbf2_9ce4))
}
