//! An index in a cluster, and how it follows the database.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use niteru_index::qdrant::{Cluster, QdrantIndex, Remote, Spot};
use niteru_index::{Condition, Hit, IndexError, Search, VectorIndex};
use rusqlite::{OptionalExtension, Transaction, params};

use super::IndexBuild;
use super::changes::latest;
use crate::collection::{metadata, sql_id};
use crate::error::Failure;
use crate::home::{kernels, lock};
use crate::{Collection, Metadata, Notice, StoreError};

/// Images that are sent at a time; so much is sent again after a failure.
const BATCH: usize = 256;

/// How long a process waits for another one that is sending.
const TURN: Duration = Duration::from_secs(60);

/// A collection's index in a cluster.
pub(crate) struct ClusterIndex {
    index: QdrantIndex,
    /// Held by the one process that sends.
    lock: PathBuf,
    /// The change of the database up to which the cluster is known to have everything. Held while
    /// changes are read and sent.
    known: Mutex<Option<u64>>,
}

/// What the database remembers of a cluster.
#[derive(Debug)]
struct Sent {
    token: String,
    next: Option<String>,
    /// The last change that the cluster has acknowledged.
    version: u64,
}

impl Sent {
    fn is_ours(&self, token: &str) -> bool {
        self.token == token || self.next.as_deref() == Some(token)
    }
}

/// How the cluster and the database stand to each other.
enum Standing {
    /// The cluster has everything up to this change.
    At(u64, String),
    /// The cluster has nothing that can be used.
    Afresh(Option<&'static str>),
}

impl ClusterIndex {
    pub(super) fn new(collection: &Collection<'_>, cluster: Cluster) -> Result<Self, StoreError> {
        let (identity, created) = collection.home.read(|tx| {
            let identity: String =
                tx.query_row("SELECT identity FROM home", [], |row| row.get(0))?;
            Ok((identity, collection.created(tx)?))
        })?;
        let (id, encoder) = (collection.id, collection.identity());
        let spot = Spot {
            name: format!("niteru-{identity:.16}-{id}"),
            fingerprint: encoder.fingerprint.clone(),
            dimensions: encoder.dimensions,
            stamp: format!("{identity} {id} {created} {}", encoder.fingerprint),
        };
        let folder = collection.home.directory().join("index");
        Ok(Self {
            index: QdrantIndex::new(cluster, spot, kernels()),
            lock: folder.join(format!("{id}.cluster.lock")),
            known: Mutex::new(None),
        })
    }

    pub(super) fn index(&self) -> &QdrantIndex {
        &self.index
    }

    fn address(&self) -> String {
        self.index.cluster().url().address()
    }

    pub(super) fn count(&self) -> Result<usize, StoreError> {
        Ok(self.index.count()?)
    }

    /// Removes the collection from the cluster.
    pub(super) fn remove(&self, collection: &Collection<'_>) -> Result<(), StoreError> {
        *lock(&self.known) = None;
        self.index.remove()?;
        collection.home.write(|tx| {
            let sql = "DELETE FROM clusters WHERE collection = ? AND address = ?";
            tx.execute(sql, params![collection.id, self.address()])?;
            Ok(())
        })
    }

    pub(super) fn search(
        &self,
        query: &[f32],
        search: &Search<'_>,
        condition: Option<&Condition>,
    ) -> Result<Vec<Hit>, IndexError> {
        let found = self.index.search_where(query, search, condition);
        if matches!(
            found,
            Err(IndexError::Cluster { .. } | IndexError::Unavailable { .. })
        ) {
            // It may come back as another one.
            *lock(&self.known) = None;
        }
        found
    }

    /// Sends what changed since the cluster's version. Of several processes one sends, the others
    /// wait.
    pub(super) fn catch_up(
        &self,
        collection: &Collection<'_>,
        tx: &Transaction<'_>,
        options: &IndexBuild<'_>,
    ) -> Result<(), Failure> {
        let latest = latest(tx)?;
        let mut known = lock(&self.known);
        if known.is_some_and(|known| known >= latest) {
            return Ok(());
        }
        let nothing_since = |since| Ok::<_, Failure>(collection.since(tx, since).count()? == 0);
        // Change numbers are the home's: most often others' collections have changed.
        if known.is_none() || !nothing_since(self.index.version())? {
            *known = None;
            let has_all = |standing: &Standing| match standing {
                Standing::At(version, _) => nothing_since(*version),
                Standing::Afresh(_) => Ok(false),
            };
            if !has_all(&self.standing(collection)?)? {
                self.check_writable(collection)?;
                let _turn = self.take_turn()?;
                let standing = self.standing(collection)?;
                if !has_all(&standing)? {
                    let sent = self.send(collection, tx, latest, standing, options);
                    // What the cluster has acknowledged counts, also where the rest failed.
                    self.remember(collection, None)?;
                    sent?;
                }
            }
        }
        *known = Some(latest);
        Ok(())
    }

    fn check_writable(&self, collection: &Collection<'_>) -> Result<(), StoreError> {
        match collection.home.is_read_only() {
            true => Err(StoreError::ReadOnly {
                path: collection.home.database().to_path_buf(),
            }),
            false => Ok(()),
        }
    }

    /// The last change that the cluster has, 0 where nothing was sent yet; or why what it has cannot
    /// be used.
    pub(super) fn usable_version(&self, collection: &Collection<'_>) -> Result<u64, String> {
        *lock(&self.known) = None;
        match self.standing(collection) {
            Ok(Standing::At(version, _)) => Ok(version),
            Ok(Standing::Afresh(None)) => Ok(0),
            Ok(Standing::Afresh(Some(reason))) => {
                Err(format!("what the cluster has cannot be used: {reason}"))
            }
            Err(Failure::Store(error)) => Err(error.to_string()),
            Err(Failure::Sql(error)) => Err(error.to_string()),
        }
    }

    /// Makes it afresh, with everything.
    pub(super) fn remake(
        &self,
        collection: &Collection<'_>,
        options: &IndexBuild<'_>,
    ) -> Result<(), StoreError> {
        self.check_writable(collection)?;
        let mut known = lock(&self.known);
        *known = None;
        let _turn = self.take_turn()?;
        let latest = collection.home.read(|tx| {
            let latest = latest(tx)?;
            let sent = self.send(collection, tx, latest, Standing::Afresh(None), options);
            self.remember(collection, None)?;
            sent.map(|()| latest)
        })?;
        *known = Some(latest);
        Ok(())
    }

    /// Removes a collection that is arranged in another way than the URL says, so that it is made
    /// again.
    pub(super) fn rearrange(&self, collection: &Collection<'_>) -> Result<(), StoreError> {
        let Some(info) = self.index.describe()? else {
            return Ok(());
        };
        let url = self.index.cluster().url();
        let differs = |asked: Option<u32>, there: u32| asked.is_some_and(|asked| asked != there);
        if differs(url.shards, info.shards) || differs(url.replicas, info.replicas) {
            let _turn = self.take_turn()?;
            self.remove(collection)?;
        }
        Ok(())
    }

    fn take_turn(&self) -> Result<File, StoreError> {
        let failed = |source| StoreError::IndexFile {
            path: self.lock.clone(),
            source,
        };
        if let Some(folder) = self.lock.parent() {
            crate::home::create_private(folder).map_err(failed)?;
        }
        let file = File::create(&self.lock).map_err(failed)?;
        let give_up = Instant::now() + TURN;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < give_up => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    let url = self.address();
                    let reason = "another process is still sending images to it".into();
                    return Err(IndexError::Unavailable { url, reason }.into());
                }
                Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
            }
        }
    }

    fn standing(&self, collection: &Collection<'_>) -> Result<Standing, Failure> {
        let remote = self.index.refresh()?;
        // After the cluster's: what others send is in the database before.
        let (sent, latest) = collection.home.read(|tx| {
            let sql =
                "SELECT token, next, version FROM clusters WHERE collection = ? AND address = ?";
            let sent = tx.query_row(sql, params![collection.id, self.address()], |row| {
                Ok(Sent {
                    token: row.get(0)?,
                    next: row.get(1)?,
                    version: row.get::<_, i64>(2)?.cast_unsigned(),
                })
            });
            Ok((sent.optional()?, latest(tx)?))
        })?;
        let standing = match (remote, sent) {
            (Remote::Missing, None) => Standing::Afresh(None),
            // The first sending was interrupted before anything was acknowledged.
            (Remote::Missing | Remote::Unfinished, Some(sent)) if sent.version == 0 => {
                Standing::Afresh(None)
            }
            (Remote::Missing, Some(_)) => Standing::Afresh(Some("it is not there any more")),
            (Remote::Unfinished, _) => Standing::Afresh(Some("it was never finished")),
            (Remote::Other(reason), _) => Standing::Afresh(Some(reason)),
            (Remote::At { version, .. }, _) if version > latest => {
                Standing::Afresh(Some("it is of a later state than the database"))
            }
            (Remote::At { version, token }, Some(sent)) if sent.is_ours(&token) => {
                Standing::At(version, token)
            }
            (Remote::At { .. }, _) => {
                Standing::Afresh(Some("it was written by another state of this database"))
            }
        };
        Ok(standing)
    }

    fn send(
        &self,
        collection: &Collection<'_>,
        tx: &Transaction<'_>,
        latest: u64,
        standing: Standing,
        options: &IndexBuild<'_>,
    ) -> Result<(), Failure> {
        let next = random_token(tx)?;
        match standing {
            Standing::At(_, token) => {
                self.begin(collection, &token, &next)?;
                self.index.set_token(&next);
            }
            Standing::Afresh(reason) => {
                if let Some(reason) = reason {
                    collection.home.notices.add(Notice::ClusterRemade {
                        collection: collection.name().into(),
                        url: self.address(),
                        reason,
                    });
                }
                self.begin(collection, &next, &next)?;
                self.index.reset(&next)?;
            }
        }
        let since = self.index.version();
        let changes = collection.since(tx, since);
        // One that was made afresh has nothing to be removed.
        if since > 0 {
            changes.remove_from(&self.index)?;
        }
        let (mut done, total) = (0, usize::try_from(changes.images()?).unwrap_or(0));
        changes.each(BATCH, latest, &mut |batch, version| {
            let metadata = batch.ids.iter().map(|&id| metadata(tx, id));
            let metadata: Vec<Metadata> = metadata.collect::<Result<_, _>>()?;
            let of_image = |row: usize| metadata[row].iter().collect();
            self.index.apply_with(&batch.changes(version), &of_image)?;
            done += batch.len();
            if let Some(progress) = options.progress {
                progress(done, total);
            }
            // What was sent stays there, and the next sending goes on after it.
            match options.cancel {
                Some(cancel) if done < total && cancel.load(Ordering::Relaxed) => {
                    Err(StoreError::Stopped.into())
                }
                _ => Ok(()),
            }
        })?;
        self.remember(collection, Some(&next))
    }

    /// Writes down, before anything is sent, by which tokens the cluster will be recognised.
    fn begin(&self, collection: &Collection<'_>, token: &str, next: &str) -> Result<(), Failure> {
        let version = sql_id(self.index.version());
        let written = collection.home.write(|tx| {
            tx.execute(
                "INSERT INTO clusters (collection, address, token, next, version)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET token = ?3, next = ?4, version = ?5",
                params![collection.id, self.address(), token, next, version],
            )?;
            Ok(())
        });
        Ok(written?)
    }

    /// Writes down what the cluster has acknowledged, and the token where all was sent.
    fn remember(&self, collection: &Collection<'_>, token: Option<&str>) -> Result<(), Failure> {
        let version = sql_id(self.index.version());
        let written = collection.home.write(|tx| {
            tx.execute(
                "UPDATE clusters SET version = ?3, token = coalesce(?4, token),
                                     next = CASE WHEN ?4 IS NULL THEN next END
                 WHERE collection = ?1 AND address = ?2",
                params![collection.id, self.address(), version, token],
            )?;
            Ok(())
        });
        Ok(written?)
    }

    /// The last change that the cluster is known to have, without asking it.
    pub(super) fn remembered(
        &self,
        tx: &Transaction<'_>,
        collection: i64,
    ) -> rusqlite::Result<u64> {
        let sql = "SELECT version FROM clusters WHERE collection = ? AND address = ?";
        let found = tx.query_row(sql, params![collection, self.address()], |row| {
            row.get::<_, i64>(0)
        });
        Ok(found.optional()?.unwrap_or(0).cast_unsigned())
    }
}

fn random_token(tx: &Transaction<'_>) -> rusqlite::Result<String> {
    tx.query_row("SELECT lower(hex(randomblob(16)))", [], |row| row.get(0))
}
