//! Display Control channel (MS-RDPEDISP): the client asks for another desktop size.

use ironrdp_core::{decode, encode_vec};
use ironrdp_displaycontrol::pdu::{DisplayControlCapabilities, DisplayControlPdu};

pub(crate) const NAME: &str = "Microsoft::Windows::RDS::DisplayControl";

/// The server's capabilities: one monitor of up to `width` x `height` pixels.
pub(crate) fn capabilities(width: u16, height: u16) -> Result<Vec<u8>, String> {
    let caps = DisplayControlCapabilities::new(1, u32::from(width), u32::from(height));
    let caps = caps.map_err(|error| error.to_string())?;
    encode_vec(&DisplayControlPdu::Caps(caps)).map_err(|error| error.to_string())
}

/// The size that a message asks for, if any: that of the primary monitor, for there is one.
pub(crate) fn requested_size(message: &[u8]) -> Result<Option<(u32, u32)>, String> {
    match decode(message).map_err(|error| error.to_string())? {
        DisplayControlPdu::MonitorLayout(layout) => {
            let primary = layout.monitors().iter().find(|monitor| monitor.is_primary());
            Ok(primary.or_else(|| layout.monitors().first()).map(|monitor| monitor.dimensions()))
        }
        DisplayControlPdu::Caps(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use ironrdp_displaycontrol::pdu::{DisplayControlMonitorLayout, MonitorLayoutEntry};

    use super::*;

    #[test]
    fn the_primary_monitor_counts() {
        let second = MonitorLayoutEntry::new_secondary(800, 600).unwrap().with_position(1024, 0).unwrap();
        let first = MonitorLayoutEntry::new_primary(1024, 768).unwrap();
        let layout = DisplayControlMonitorLayout::new(&[second, first]).unwrap();
        let bytes = encode_vec(&DisplayControlPdu::MonitorLayout(layout)).unwrap();
        assert_eq!(requested_size(&bytes), Ok(Some((1024, 768))));
        assert!(requested_size(&bytes[..10]).is_err());
        assert_eq!(requested_size(&capabilities(1920, 1080).unwrap()), Ok(None));
    }
}
