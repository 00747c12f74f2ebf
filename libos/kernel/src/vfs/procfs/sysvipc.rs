//! `/proc/sysvipc`: the System V IPC objects.

use alloc::string::String;

use crate::errno::Result;
use crate::ipc::sysv::report;
use crate::vfs::synthetic::Subject;

pub(super) fn queues(_: &Subject) -> Result<String> {
    Ok(report::queues_text())
}

pub(super) fn segments(_: &Subject) -> Result<String> {
    Ok(report::segments_text())
}

pub(super) fn sets(_: &Subject) -> Result<String> {
    Ok(report::sets_text())
}
