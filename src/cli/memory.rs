//! Keeps what this process holds in memory to itself: keys and tokens are there in clear. Judges nothing.

use rustix::process::{Resource, Rlimit, setrlimit};

/// No core dump is written of this process, whatever ends it, and nobody but root looks into it (`ptrace`, `/proc`). Where
/// the system does not let us, we go on as before: that is no reason to serve nobody.
pub fn keep_to_ourselves() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    #[test]
    fn nobody_looks_into_this_process_and_no_core_is_written() {
        super::keep_to_ourselves();
        assert_eq!(dumpable_behavior(), Ok(DumpableBehavior::NotDumpable));
        assert_eq!(getrlimit(Resource::Core).maximum, Some(0));
    }
}
