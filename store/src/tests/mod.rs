//! The store as a whole: driven as the engine drives it, on disks that do what disks do.

mod archive;
mod crashes;
mod damage;
mod engine_suite;
mod faulty_disk;
mod follower_crashes;
mod forgetting;
mod group_commit;
mod opening;
mod overlay_model;
mod replicated_log;
mod retention;
mod snapshots;
mod support;
