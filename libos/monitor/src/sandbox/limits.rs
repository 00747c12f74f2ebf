//! Resource limits of an instance's processes, and the monitor's own bound on descriptors.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::CpuSet;

use super::SandboxError;

/// Limits of an instance, from its manifest.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Processes and threads.
    pub processes: u32,
    /// Private bytes of one process, 0 for no bound.
    pub memory: u64,
    /// Processors, 0 for all.
    pub cpus: u32,
}

/// The kernel's own threads and the monitor, beside what the manifest allows.
const SPARE_PROCESSES: u64 = 64;
/// Descriptors that one process of an instance may hold.
const DESCRIPTORS: u64 = 65536;

fn fixed(value: u64) -> Rlimit {
    Rlimit { current: Some(value), maximum: Some(value) }
}

impl Limits {
    /// Applies the limits to this process and whatever it starts.
    ///
    /// # Errors
    /// [`SandboxError`] where the host refuses.
    pub fn apply(&self) -> Result<(), SandboxError> {
        let set = |resource, value| {
            setrlimit(resource, fixed(value))
                .map_err(|error| SandboxError::plain(format!("limit {resource:?} to {value}"), error))
        };
        let within = |resource, value: u64| getrlimit(resource).maximum.map_or(value, |most| most.min(value));
        set(Resource::Core, 0)?;
        set(Resource::Nofile, within(Resource::Nofile, DESCRIPTORS))?;
        let processes = u64::from(self.processes) + SPARE_PROCESSES;
        set(Resource::Nproc, within(Resource::Nproc, processes))?;
        if self.memory > 0 {
            set(Resource::Data, within(Resource::Data, self.memory))?;
        }
        Ok(())
    }

    /// How many processors the instance may use.
    #[must_use]
    pub fn processors(&self) -> u32 {
        self.processor_set().map_or(1, |set| set.count())
    }

    /// Confines this process to those processors.
    pub fn confine(&self) {
        if let Some(set) = self.processor_set() {
            let _ = rustix::thread::sched_setaffinity(None, &set);
        }
    }

    fn processor_set(&self) -> Option<CpuSet> {
        let allowed = rustix::thread::sched_getaffinity(None).ok()?;
        if self.cpus == 0 {
            return Some(allowed);
        }
        let mut wanted = CpuSet::new();
        let usable = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        usable.take(self.cpus as usize).for_each(|cpu| wanted.set(cpu));
        Some(wanted)
    }
}

/// Raises this process's bound on descriptors as far as it may; gives it.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let _ = setrlimit(Resource::Nofile, raised);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
