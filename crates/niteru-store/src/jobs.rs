//! Long work as the home remembers it: what was asked for, how far it is, what came out. Who runs it is
//! not known here.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Type, ValueRef};
use rusqlite::{OptionalExtension, Row, ToSql, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::collection::sql_id;
use crate::error::Failure;
use crate::{Home, StoreError, time};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// It is being done.
    Running,
    /// It came to its end.
    Done,
    /// It ended with an error; the message says which.
    Failed,
    /// Somebody stopped it. What it had stored stays.
    Cancelled,
    /// The server ended while it ran, and it could not be taken up again.
    Interrupted,
}

impl JobState {
    const ALL: [JobState; 6] = [
        JobState::Queued,
        JobState::Running,
        JobState::Done,
        JobState::Failed,
        JobState::Cancelled,
        JobState::Interrupted,
    ];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        match self {
            JobState::Queued => "queued",
            JobState::Running => "running",
            JobState::Done => "done",
            JobState::Failed => "failed",
            JobState::Cancelled => "cancelled",
            JobState::Interrupted => "interrupted",
        }
    }

    /// Whether nothing more will come.
    pub fn is_over(self) -> bool {
        !matches!(self, JobState::Queued | JobState::Running)
    }
}

impl FromSql for JobState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let found = JobState::ALL.into_iter().find(|state| state.name() == name);
        // The schema keeps others out, so the database is damaged.
        found.ok_or_else(|| FromSqlError::Other(format!("unknown job state {name:?}").into()))
    }
}

impl ToSql for JobState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.name().into())
    }
}

/// A piece of long work.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Job {
    /// Never changes, and is never given to another job.
    pub id: u64,
    /// What kind of work it is, such as `add`.
    pub kind: String,
    /// What was asked for.
    pub parameters: Value,
    /// Name of who asked for it.
    pub owner: String,
    /// Where it stands.
    pub state: JobState,
    /// Steps done.
    pub done: u64,
    /// Steps to do, once they are known.
    pub total: Option<u64>,
    /// Steps a second, once they are known.
    pub rate: Option<f64>,
    /// What it is at, or why it ended.
    pub message: Option<String>,
    /// What came out; of a job that failed, what exactly went wrong, where that is known.
    pub result: Option<Value>,
    /// When it was asked for, milliseconds since 1970 (UTC). JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize")]
    #[schema(value_type = String, format = DateTime)]
    pub created: i64,
    /// When it was begun; when it was begun again, the last time. JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started: Option<i64>,
    /// When it ended. JSON: RFC 3339.
    #[serde(serialize_with = "time::serialize_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<i64>,
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobProgress {
    /// Steps done.
    pub done: u64,
    /// Steps to do, once they are known.
    pub total: Option<u64>,
    /// Steps a second, once they are known.
    pub rate: Option<f64>,
    /// What it is at.
    pub message: Option<String>,
}

impl Home {
    /// Queues a job.
    ///
    /// # Errors
    /// Those of the database.
    pub fn add_job(&self, kind: &str, parameters: &Value, owner: &str) -> Result<Job, StoreError> {
        self.write(|tx| {
            let sql = "INSERT INTO jobs (kind, parameters, owner, state, created)
                       VALUES (?, ?, ?, 'queued', ?)";
            let parameters = parameters.to_string();
            tx.execute(sql, params![kind, parameters, owner, time::now()])?;
            require(tx, tx.last_insert_rowid().cast_unsigned())
        })
    }

    /// A job.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], and those of the database.
    pub fn job(&self, id: u64) -> Result<Job, StoreError> {
        self.read(|tx| require(tx, id))
    }

    /// Up to `limit` jobs before one, the newest first: a page at a time.
    ///
    /// # Errors
    /// Those of the database.
    pub fn jobs(&self, before: Option<u64>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_JOB} WHERE id < ? ORDER BY id DESC LIMIT ?");
            let mut statement = tx.prepare_cached(&sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let jobs = statement.query_map(params![before.map_or(i64::MAX, sql_id), limit], job)?;
            Ok(jobs.collect::<Result<_, _>>()?)
        })
    }

    /// The jobs that wait or run, the oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn open_jobs(&self) -> Result<Vec<Job>, StoreError> {
        self.read(|tx| {
            let sql = format!("{SELECT_JOB} WHERE state IN ('queued', 'running') ORDER BY id");
            let mut statement = tx.prepare_cached(&sql)?;
            let jobs = statement.query_map([], job)?;
            Ok(jobs.collect::<Result<_, _>>()?)
        })
    }

    /// Begins the oldest job that waits and is of one of these kinds.
    ///
    /// # Errors
    /// Those of the database.
    pub fn start_next_job(&self, kinds: &[&str]) -> Result<Option<Job>, StoreError> {
        self.write(|tx| {
            let kinds = Value::from(kinds.to_vec()).to_string();
            let sql = "UPDATE jobs SET state = 'running', started = ?1, done = 0, total = NULL,
                           rate = NULL, message = NULL
                       WHERE id = (SELECT min(id) FROM jobs WHERE state = 'queued'
                           AND kind IN (SELECT value FROM json_each(?2)))
                       RETURNING id";
            let id = tx.query_row(sql, params![time::now(), kinds], |row| row.get(0));
            let id: Option<i64> = id.optional()?;
            id.map(|id| require(tx, id.cast_unsigned())).transpose()
        })
    }

    /// Writes down how far a running job is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn job_progress(&self, id: u64, progress: &JobProgress) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "UPDATE jobs SET done = ?, total = ?, rate = ?, message = ?
                       WHERE id = ? AND state = 'running'";
            tx.prepare_cached(sql)?.execute(params![
                sql_id(progress.done),
                progress.total.map(sql_id),
                progress.rate,
                progress.message,
                sql_id(id)
            ])?;
            Ok(())
        })
    }

    /// Writes down that a running job was told to stop: should the server end before the job has,
    /// [`recover_jobs`](Self::recover_jobs) finds it cancelled.
    ///
    /// # Errors
    /// Those of the database.
    pub fn job_stops(&self, id: u64) -> Result<(), StoreError> {
        self.write(|tx| {
            let sql = "UPDATE jobs SET stopping = 1 WHERE id = ? AND state = 'running'";
            tx.execute(sql, [sql_id(id)])?;
            Ok(())
        })
    }

    /// Ends a job that waits or runs; one that is over stays as it is. Returns it as it is now.
    ///
    /// # Errors
    /// [`StoreError::NoJob`], and those of the database.
    pub fn end_job(
        &self,
        id: u64,
        state: JobState,
        message: Option<&str>,
        result: Option<&Value>,
    ) -> Result<Job, StoreError> {
        self.write(|tx| {
            let sql = "UPDATE jobs SET state = ?, message = ?, result = ?, ended = ?
                       WHERE id = ? AND state IN ('queued', 'running')";
            let result = result.map(Value::to_string);
            tx.execute(
                sql,
                params![state, message, result, time::now(), sql_id(id)],
            )?;
            require(tx, id)
        })
    }

    /// Deals with what still counts as running though nothing runs it, because the server ended: jobs that were told to
    /// stop are cancelled; of the others those of these kinds wait for their turn again, the rest is
    /// interrupted. Returns all of them, as they are now.
    ///
    /// Only for the process that runs this home's jobs, before it begins.
    ///
    /// # Errors
    /// Those of the database.
    pub fn recover_jobs(&self, resumed: &[&str], message: &str) -> Result<Vec<Job>, StoreError> {
        self.write(|tx| {
            let running: Vec<Job> = {
                let sql = format!("{SELECT_JOB} WHERE state = 'running' ORDER BY id");
                let mut statement = tx.prepare(&sql)?;
                let jobs = statement.query_map([], job)?;
                jobs.collect::<Result<_, _>>()?
            };
            let mut recovered = Vec::with_capacity(running.len());
            for job in running {
                let sql = "UPDATE jobs SET
                        state = CASE WHEN stopping THEN 'cancelled' WHEN ?1 THEN 'queued'
                            ELSE 'interrupted' END,
                        message = CASE WHEN stopping THEN NULL WHEN ?1 THEN message ELSE ?2 END,
                        ended = CASE WHEN ?1 AND NOT stopping THEN NULL ELSE ?3 END
                    WHERE id = ?4";
                let resumes = resumed.contains(&&*job.kind);
                tx.execute(sql, params![resumes, message, time::now(), sql_id(job.id)])?;
                recovered.push(require(tx, job.id)?);
            }
            Ok(recovered)
        })
    }

    /// Forgets the jobs that are over, but for the newest `keep`. Returns how many it were.
    ///
    /// # Errors
    /// Those of the database.
    pub fn forget_jobs(&self, keep: usize) -> Result<u64, StoreError> {
        self.write(|tx| {
            let sql = "DELETE FROM jobs WHERE state NOT IN ('queued', 'running') AND id NOT IN
                           (SELECT id FROM jobs ORDER BY id DESC LIMIT ?)";
            let keep = i64::try_from(keep).unwrap_or(i64::MAX);
            Ok(tx.execute(sql, [keep])? as u64)
        })
    }
}

/// What is wrong with the jobs, for [`check`](crate::check): the number of them, and of those whose JSON
/// cannot be read.
pub(crate) fn job_problems(tx: &Transaction<'_>) -> Result<(u64, Vec<u64>), Failure> {
    let sql = "SELECT id, json_valid(parameters) AND coalesce(json_valid(result), 1) FROM jobs";
    let mut statement = tx.prepare(sql)?;
    let mut rows = statement.query([])?;
    let (mut jobs, mut unreadable) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        jobs += 1;
        if !row.get::<_, bool>(1)? {
            unreadable.push(row.get::<_, i64>(0)?.cast_unsigned());
        }
    }
    Ok((jobs, unreadable))
}

const SELECT_JOB: &str = "SELECT id, kind, parameters, owner, state, done, total, rate, message,
        result, created, started, ended FROM jobs";

fn require(tx: &Transaction<'_>, id: u64) -> Result<Job, Failure> {
    let mut statement = tx.prepare_cached(&format!("{SELECT_JOB} WHERE id = ?"))?;
    let found = statement.query_row([sql_id(id)], job).optional()?;
    found.ok_or_else(|| StoreError::NoJob { id }.into())
}

fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get::<_, i64>(0)?.cast_unsigned(),
        kind: row.get(1)?,
        parameters: json(row, 2)?.unwrap_or_default(),
        owner: row.get(3)?,
        state: row.get(4)?,
        done: row.get::<_, i64>(5)?.cast_unsigned(),
        total: row.get::<_, Option<i64>>(6)?.map(i64::cast_unsigned),
        rate: row.get(7)?,
        message: row.get(8)?,
        result: json(row, 9)?,
        created: row.get(10)?,
        started: row.get(11)?,
        ended: row.get(12)?,
    })
}

fn json(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Value>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else {
        return Ok(None);
    };
    let value = serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })?;
    Ok(Some(value))
}
