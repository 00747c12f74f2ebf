//! `/proc/net`: the interfaces and routes. Of sockets nothing is told.

use alloc::format;
use alloc::string::String;

use crate::errno::Result;
use crate::net::interface;
use crate::vfs::synthetic::Subject;

const DEVICES: &str = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
";
const NO_TRAFFIC: &str = "       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0";
const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
pub(super) const SOCKETS: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
/// `IFA_F_PERMANENT`, and the scopes of `/proc/net/if_inet6`.
const PERMANENT: u8 = 0x80;
const SCOPE_GLOBAL: u8 = 0;
const SCOPE_HOST: u8 = 0x10;

/// `/proc/net/dev`
pub(super) fn devices(_: &Subject) -> Result<String> {
    let lines =
        interface::all().iter().map(|one| format!("{:>6}:{NO_TRAFFIC}\n", one.name)).collect::<String>();
    Ok(format!("{DEVICES}{lines}"))
}

fn digits(ip: &[u8]) -> String {
    ip.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `/proc/net/if_inet6`: address, index, prefix length, scope, flags, name.
pub(super) fn addresses_v6(_: &Subject) -> Result<String> {
    let mut text = String::new();
    for one in interface::all() {
        let scope = if one.is_loopback() { SCOPE_HOST } else { SCOPE_GLOBAL };
        if let Some(own) = one.v6 {
            let (ip, index, name) = (digits(&own.ip), one.index, one.name);
            text += &format!("{ip} {index:02x} {:02x} {scope:02x} {PERMANENT:02x} {name:>8}\n", own.prefix);
        }
    }
    Ok(text)
}

/// `/proc/net/route`: addresses as a little-endian machine reads them.
pub(super) fn routes(_: &Subject) -> Result<String> {
    /// `RTF_UP`, and `RTF_UP | RTF_GATEWAY`
    const UP: u8 = 1;
    const BY_GATEWAY: u8 = 3;
    let word = |ip: [u8; 4]| format!("{:08X}", u32::from_le_bytes(ip));
    let mut text = format!("{ROUTES:<127}\n");
    for one in interface::all() {
        let Some(gateway) = one.v4.gateway else { continue };
        let mask = one.mask();
        let mut network = one.v4.ip;
        for (byte, kept) in network.iter_mut().zip(mask) {
            *byte &= kept;
        }
        let none = [0; 4];
        for (to, by, flags, mask) in [(none, gateway, BY_GATEWAY, none), (network, none, UP, mask)] {
            let (name, to, by, mask) = (one.name, word(to), word(by), word(mask));
            let line = format!("{name}\t{to}\t{by}\t{flags:04X}\t0\t0\t0\t{mask}\t0\t0\t0");
            text += &format!("{line:<127}\n");
        }
    }
    Ok(text)
}

/// `/proc/net/ipv6_route`: destination, source, router (each with its prefix length but the last), metric,
/// users, uses, flags, name.
pub(super) fn routes_v6(_: &Subject) -> Result<String> {
    let mut text = String::new();
    for one in interface::all() {
        if let Some(gateway) = one.v6.and_then(|own| own.gateway) {
            let any = digits(&[0; 16]);
            let by = digits(&gateway);
            text += &format!("{any} 00 {any} 00 {by} 00000400 00000001 00000000 00000003 {:>8}\n", one.name);
        }
    }
    Ok(text)
}
