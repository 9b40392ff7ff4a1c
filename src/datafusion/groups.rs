//! The files of a plan, in groups that are read at once.

use std::sync::Arc;

use arrow_schema::Schema;
use datafusion_datasource::PartitionedFile;
use datafusion_datasource::file_groups::FileGroup;
use datafusion_session::Session;

use super::files::Listed;
use super::opener::Known;
use super::statistics;

/// The files, with what is known of them; with `collect`, what their headers promise.
pub(super) fn planned(listed: Vec<Listed>, file_schema: &Schema, collect: bool) -> FileGroup {
    let files = listed.into_iter().map(|file| {
        let statistics = file.shard.as_ref().filter(|_| collect);
        let statistics =
            statistics.map(|shard| Arc::new(statistics::of_shard(&shard.info, file_schema, &file.values)));
        let mut planned = PartitionedFile::new_from_meta(file.meta).with_partition_values(file.values);
        planned.statistics = statistics;
        match file.shard {
            Some(shard) => planned.with_extension(Known(shard)),
            None => planned,
        }
    });
    FileGroup::new(files.collect())
}

/// As many groups as the session reads at once, and whether each has the files of one directory, which is so if the
/// session asks for it.
pub(super) fn split(
    files: FileGroup,
    session: &dyn Session,
    has_directories: bool,
) -> (Vec<FileGroup>, bool) {
    let target = session.config().target_partitions().max(1);
    let by_directory = session.config_options().optimizer.preserve_file_partitions;
    if by_directory == 0 || !has_directories {
        return (files.split_files(target), false);
    }
    let groups = files.group_by_partition_values(target);
    if groups.len() >= by_directory {
        return (groups, true);
    }
    let files = groups.into_iter().flat_map(FileGroup::into_inner).collect();
    (FileGroup::new(files).split_files(target), false)
}
