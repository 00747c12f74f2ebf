//! What an instance has of the network: its addresses there, and the ways to others.

use bailey_abi::network::{GATEWAY_V6, INSTANCE_V4, INSTANCE_V6, NetworkConfig, RESOLVER_V4};

use crate::errno::{Errno, Result};
use crate::net::address::Internet;
use crate::sync::Once;

static CONFIG: Once<NetworkConfig> = Once::new();
/// Where names are asked for.
pub(super) const RESOLVER_PORT: u16 = 53;

/// Says what the instance has of the network, at boot.
pub fn init(config: Option<NetworkConfig>) {
    if let Some(config) = config {
        CONFIG.set(config);
    }
}

/// What the instance has of the network.
pub(in crate::net) fn config() -> Option<NetworkConfig> {
    CONFIG.get().copied()
}

/// The address that packets to `to` come from, without a port.
///
/// # Errors
/// `ENETUNREACH` where there is no way to it.
pub(in crate::net) fn source(to: &Internet) -> Result<Internet> {
    let config = config().ok_or(Errno::ENETUNREACH)?;
    match to.is_v4() {
        true => Ok(Internet::v4(INSTANCE_V4, 0)),
        false if config.v6 || to.ip == GATEWAY_V6 => Ok(Internet { ip: INSTANCE_V6, port: 0 }),
        false => Err(Errno::ENETUNREACH),
    }
}

/// Whether an address is the instance's own on its interface to the outside.
pub(in crate::net) fn is_own(ip: &[u8; 16]) -> bool {
    config().is_some() && (*ip == Internet::v4(INSTANCE_V4, 0).ip || *ip == INSTANCE_V6)
}

/// Whether queries to this address are answered by the kernel.
pub(super) fn is_resolver(to: &Internet) -> bool {
    config().is_some() && *to == Internet::v4(RESOLVER_V4, RESOLVER_PORT)
}
