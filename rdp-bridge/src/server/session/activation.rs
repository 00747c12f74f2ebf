//! Deactivation-reactivation (MS-RDPBCGR 1.3.1.3): how a classic session changes its desktop size. No I/O.

use ironrdp_core::EncodeResult;
use ironrdp_pdu::rdp::capability_sets::{DemandActive, SERVER_CHANNEL_ID, ServerDemandActive};
use ironrdp_pdu::rdp::finalization_messages::{ControlAction, ControlPdu, FontPdu, SynchronizePdu};
use ironrdp_pdu::rdp::headers::{ServerDeactivateAll, ShareControlPdu, ShareDataPdu};

use super::wire::Addresses;
use crate::server::handshake::server_capabilities;

/// Where the share is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    /// Pictures may be sent.
    Active,
    /// Demand Active has been sent.
    AwaitConfirm,
    /// Confirm Active has come; the client finalises.
    AwaitFontList,
}

/// Ends the share and offers one of `width` x `height` pixels.
pub(crate) fn deactivate(addresses: &Addresses, width: u16, height: u16) -> EncodeResult<Vec<u8>> {
    let mut bytes = addresses.share_control(ShareControlPdu::ServerDeactivateAll(ServerDeactivateAll))?;
    bytes.extend(addresses.share_control(ShareControlPdu::ServerDemandActive(ServerDemandActive {
        pdu: DemandActive {
            source_descriptor: "RDP".to_owned(),
            capability_sets: server_capabilities(width, height),
        },
    }))?);
    Ok(bytes)
}

/// The server's half of the finalisation, sent once the client's Font List has come (MS-RDPBCGR 1.3.1.1).
pub(crate) fn finalize(addresses: &Addresses) -> EncodeResult<Vec<u8>> {
    let cooperate = ControlPdu { action: ControlAction::Cooperate, grant_id: 0, control_id: 0 };
    let granted = ControlPdu {
        action: ControlAction::GrantedControl,
        grant_id: addresses.user_channel,
        control_id: u32::from(SERVER_CHANNEL_ID),
    };
    let pdus = [
        ShareDataPdu::Synchronize(SynchronizePdu { target_user_id: 0 }),
        ShareDataPdu::Control(cooperate),
        ShareDataPdu::Control(granted),
        ShareDataPdu::FontMap(FontPdu::default()),
    ];
    let mut bytes = Vec::new();
    for pdu in pdus {
        bytes.extend(addresses.share_data(pdu)?);
    }
    Ok(bytes)
}
