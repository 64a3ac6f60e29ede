//! The store as a whole: driven as the engine drives it, on disks that do what disks do.

mod archive;
mod crashes;
mod engine_suite;
mod faulty_disk;
mod group_commit;
mod opening;
mod overlay_model;
mod snapshots;
mod support;
