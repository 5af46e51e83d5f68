import type { RouteId } from '../../src/schemas/routes.ts'

/** What the document says about a route in addition to the table of routes and the response schemas. */
export interface Operation {
  summary: string
  description?: string
  /** Names of header parameters. */
  headers?: readonly string[]
  /** Describes the body. */
  body?: string
  /** The success: a description of the JSON response, or every response by its status. */
  answers: string | Readonly<Record<number, Answer>>
  /** Names of the headers of a JSON response. */
  answerHeaders?: readonly string[]
  /** Statuses of problem documents, beyond those that follow from the table of routes. */
  problems?: readonly number[]
}

export interface Answer {
  description: string
  /** Media type of the body. */
  type?: string
  headers?: readonly string[]
}

/** No backend supports it, or none has the value. */
const CHAIN = [501, 502, 504, 508]
/** Replacing or deleting an object: a lock of the bucket may forbid it. */
const CHANGE = [409, ...CHAIN]
/** Like `CHAIN`, but every backend supports it. */
const READ_PROBLEMS = [502, 504, 508]
const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']
const WRITE_CONDITIONS = ['If-Match', 'If-None-Match', 'If-Unmodified-Since']
const TRIED = ['Cache-Status', 'Server-Timing']
const REPRESENTATION = ['ETag', 'Last-Modified', 'Accept-Ranges', 'Cache-Control', ...TRIED]

const READ = {
  headers: [...CONDITIONS, 'Range', 'If-Range'],
  answers: {
    200: { description: 'The object.', type: '*/*', headers: REPRESENTATION },
    206: {
      description: 'The part that Range requested.',
      type: '*/*',
      headers: [...REPRESENTATION, 'Content-Range'],
    },
    304: { description: 'Not modified.', headers: ['ETag', 'Last-Modified', 'Cache-Control', ...TRIED] },
  },
  problems: [404, 412, 416, ...READ_PROBLEMS],
}
const UPLOAD_HEADERS = ['Content-MD5', 'Repr-Digest', 'Cache-Control', 'Content-Disposition']
const UPLOAD_BODY =
  'The bytes. Content-Type, the other representation headers and `x-amz-meta-*` are stored. Without a Content-Type, or with a form’s, the type is derived from the name’s extension. If a digest (Content-MD5, `x-amz-checksum-*`, Repr-Digest) does not match, nothing is stored.'
const DELETED = { 204: { description: 'Deleted, or it did not exist.' } }
const FOUND = { answers: 'The value.', problems: [404, ...CHAIN] }
const LISTING = { answers: 'One page.', problems: CHAIN }
const JOB = { answers: 'The job.' }
const POLLED = { ...JOB, headers: ['If-None-Match'], answerHeaders: ['ETag'] }
const CONTROL = { ...JOB, problems: [409] }
const STARTED = { ...JOB, answerHeaders: ['Location'] }
const PAGE = { 200: { description: 'The page.', type: 'text/html' } }

/** By tag, in the document's order. `null`: not shown. */
export const OPERATIONS: Readonly<Record<string, Partial<Record<RouteId, Operation | null>>>> = {
  Media: {
    getObject: {
      summary: 'Serves the object from the first backend that has it',
      description:
        'Follows RFC 9110: validators, conditions, one byte range. The response is 404 only if every backend proved that it does not have the object. With migration on, an object served by a fallback is copied into the first backend that accepts it. The original of a derivative (`rewrite`), a placeholder or a redirect may take the place of the object.',
      ...READ,
      answers: {
        ...READ.answers,
        307: {
          description: 'The object is at another URL: its backend has `redirect = true`.',
          headers: ['Location', 'Cache-Control', ...TRIED],
        },
      },
    },
    putObject: {
      summary: 'Stores or replaces the object in the first writable backend',
      description:
        'Answers 201 if that backend had no object of this name, even if a fallback has one. With a condition, which is checked against the object of any backend, 201 means that none had one.',
      headers: [...WRITE_CONDITIONS, ...UPLOAD_HEADERS],
      body: UPLOAD_BODY,
      answers: {
        201: { description: 'Created: its backend had none.', headers: ['ETag', ...TRIED] },
        204: { description: 'Replaced.', headers: ['ETag', ...TRIED] },
      },
      problems: [412, 413, 503, ...CHANGE],
    },
    deleteObject: {
      summary: 'Deletes the object, even if a fallback still has it',
      headers: WRITE_CONDITIONS,
      answers: { 204: { ...DELETED[204], headers: TRIED } },
      problems: [412, ...CHANGE],
    },
  },
  'Storage methods': {
    open: {
      summary: 'The same as GET of the object, but only what a backend has under this very name',
      ...READ,
    },
    save: {
      summary: 'Stores the body under the first available name; never replaces',
      headers: UPLOAD_HEADERS,
      body: UPLOAD_BODY,
      answers: 'The name it was stored under.',
      problems: [412, 413, 503, ...CHANGE],
    },
    delete: { summary: 'Deletes the object', answers: DELETED, problems: CHANGE },
    exists: {
      summary: 'Whether any backend has the name; false only if all backends proved that they do not',
      answers: 'Whether it exists.',
      problems: READ_PROBLEMS,
    },
    existsAll: {
      summary: 'Whether each of up to 100 names exists',
      description:
        'Up to 20 names without a token. The number of names times the number of backends must not exceed 500. If one name cannot be decided, the whole request fails. In R2 and S3, one listing decides many names of one directory; others cost a HEAD each.',
      answers: 'An answer for each name.',
      problems: [413, ...READ_PROBLEMS],
    },
    size: { summary: 'The size in bytes, from the first backend that has the object', ...FOUND },
    accessedTime: { summary: 'When it was last read, if a backend records that', ...FOUND },
    createdTime: { summary: 'When it was created, if a backend records that', ...FOUND },
    modifiedTime: { summary: 'When it was last modified', ...FOUND },
    url: {
      summary: 'A URL at which clients can fetch the object',
      description:
        'If media are public: from the first backend that has the object, or from the last if none has it; with migration on, from the first backend that can make URLs. With `expires_in` (in seconds, at most seven days), S3 URLs are presigned for that long. If MEDIA_ACCESS is "signed": a signed URL of this Worker, valid for an hour without `expires_in`. `response-content-disposition` is sent with the object instead of its own Content-Disposition.',
      answers: 'The URL.',
      problems: CHAIN,
    },
    getValidName: {
      summary: 'The name with a valid last segment, by Django’s rules',
      answers: 'The valid name.',
    },
    getAvailableName: {
      summary: 'The name that a save would use now: the name itself, or an alternative if it is taken',
      answers: 'The available name.',
      problems: CHAIN,
    },
    path: {
      summary: 'The object’s path inside its backend, e.g. r2://bucket/key',
      answers: 'The path.',
      problems: [501],
    },
  },
  Listings: {
    listdirRoot: { summary: 'Directories and files at the root, over all backends', ...LISTING },
    listdir: { summary: 'Directories and files directly below a path, over all backends', ...LISTING },
    listAll: { summary: 'Every name, over all backends, in UTF-8 byte order, each once', ...LISTING },
    list: {
      summary: 'Every name with this prefix, over all backends, in UTF-8 byte order, each once',
      ...LISTING,
    },
  },
  Tombstones: {
    listTombstones: { summary: 'The deleted names that fallbacks may still have', ...LISTING },
    purgeTombstones: {
      summary: 'Removes the tombstones of names that no fallback has any more',
      description:
        'One page per call; continue with `cursor` until it is null. If a fallback cannot be checked, the tombstone is kept.',
      answers: 'What was, or would be, purged.',
      problems: CHAIN,
    },
    undelete: {
      summary: 'Removes the tombstone, so that a fallback’s object is served again',
      answers: 'Whether a fallback has the object.',
      problems: [404, ...CHANGE],
    },
  },
  'Prior versions': {
    listPriorVersions: {
      summary: 'What PUTs replaced and DELETEs removed under this name, newest first',
      description:
        'Versions are kept as long as FALLBACK_KEEP_REPLACED_DAYS says; see docs/prior-versions.md.',
      answers: 'The versions; none if nothing was kept.',
      problems: [501],
    },
    restore: {
      summary: 'Stores a prior version under its name again',
      description:
        'The newest, or the one that was replaced at `time`. It is a write like a PUT: it replaces what is there, which is kept as well, and undoes a delete.',
      answers: 'Which version it was.',
      problems: [404, 413, ...CHANGE],
    },
  },
  'Edge cache': {
    purgeCache: {
      summary: 'Removes up to 100 names, or all names that begin so, from the edge cache',
      description:
        'Either `names` or `prefix`. `reach` says how far it went. A prefix needs Workers Cache, which purges the whole directory that contains the prefix; with the Cache API, it is 501.',
      answers: 'What was purged, and where.',
      problems: [501, 502],
    },
  },
  Operations: {
    explain: {
      summary: 'What a read of this name would do, and why',
      answers: 'The result of each backend.',
    },
    preview: {
      summary: 'The object as GET of it, without a copy, and without counting as a read of a fallback',
      description:
        'For pages that show what is stored: pages of other sites can neither load it nor show it in a frame, and what a browser would run as a page cannot run or load anything. Content-Disposition is left out.',
      ...READ,
    },
    migrate: {
      summary: 'Copies up to 100 names into the primary now, whether or not reads copy',
      description:
        'A failure does not affect the other names. A name that is given twice has one result. If an event of a name was given up (`GET dead_copies`), its copy is brought in line with the source. Answers when all copies have ended; they also end if the client disconnects, as far as the time that Workers allow then suffices.',
      answers: 'The result for each name.',
      problems: [413],
    },
    listBackends: {
      summary: 'The chain as configured, with the methods and the health of each backend',
      answers: 'The chain.',
    },
    listMirrors: {
      summary: 'How far each mirror is behind the primary',
      description: 'Empty if no backend is a mirror.',
      answers: 'The mirrors, in the order of the chain.',
      problems: [503],
    },
    receiveEvents: {
      summary: 'Takes what a source says of its changes',
      description:
        'For event notifications of S3, as MinIO, RustFS and Ceph send them as well, SNS messages, and events of EventBridge. Each is only a hint: the source is asked, and the copy brought in line. Senders that can set no header send the secret EVENTS_SECRET as `?secret=…`. Subscriptions of SNS are confirmed. If events cannot be queued, the answer is 503, and the sender should repeat them.',
      body: 'A notification of one of these senders.',
      answers: 'How many of the events are about names of this backend.',
      problems: [404, 413, 502],
    },
    listConflicts: {
      summary: 'Names that were saved in the primary and differ at a source, the latest first',
      description:
        'An event of the source was for the name, and nothing was changed. Each listed name is looked up in the primary by a HEAD, and compared with the source again if it was replaced there. A conflict ends when both sides are equal, the object is a copy, or the name is deleted on one side; or when it is dismissed. At most 10,000 are kept.',
      answers: 'One page.',
      problems: [501, 503],
    },
    dismissConflict: {
      summary: 'Takes a name off the list of conflicts',
      description:
        'What was saved in the primary stays. The name is listed again if another event finds another version on either side.',
      answers: { 204: { description: 'It is not listed any more.' } },
      problems: [404, 501, 503],
    },
    listEvents: {
      summary: 'What came of the events of each source, and how far copies are behind',
      answers: 'The fallbacks.',
      problems: [501],
    },
    getSeries: {
      summary: 'Reads, copies or the health of the backends over time',
      description:
        'Counts of clients’ reads of single objects (GET and HEAD of media, `open`, GetObject and HeadObject), of copies, or of the attempts at backends that those reads made. Previews, listings and checks for existence are not counted. Entries of `step` 60 (seconds) are kept for a day, of 900 for two weeks, of 86400 for 400 days. `from` is when the first entry begins; by default, and at the earliest, when the oldest does that is kept. The last entry is still being counted.',
      answers: 'One array for each column, with an entry for each interval.',
      problems: [501, 503],
    },
    getDependence: {
      summary: 'Which fallbacks are still needed',
      description:
        'For each backend but the primary: how many of the clients’ reads it answered in the last hour, day and week, when the last one was, and for which prefixes; and what shadow reads found (FALLBACK_SHADOW_PERCENT). The reads are those of `series`, counted to within a minute. Hours and days are the last 60 and 1440 minutes, weeks the last 672 quarters of an hour; the last one is still being counted.',
      answers: 'The fallbacks in the order of the chain.',
      problems: [501, 503],
    },
    getSession: {
      summary: 'Who is signed in, how, and with which scopes',
      description: 'Without a session, `expires_time` is left out.',
      answers: 'Who it is.',
    },
    signIn: {
      summary: 'Exchange a token for a session cookie',
      description:
        'The cookie lasts 12 hours. It ends when the token is replaced or removed, and has the scopes and the prefix that the token has at the time of each request. Requests by cookie that change something must come from a page of the same origin: `Sec-Fetch-Site: same-origin`, or without that header, an equal Origin.',
      answers: 'Who is signed in now.',
      answerHeaders: ['Set-Cookie'],
      problems: [401, 403],
    },
    signOut: {
      summary: 'Remove the session cookie',
      answers: { 204: { description: 'Signed out.', headers: ['Set-Cookie'] } },
    },
    health: { summary: 'Liveness; contacts no backend', answers: 'Alive.' },
    metrics: {
      summary: 'Counters of this isolate, for Prometheus',
      answers: { 200: { description: 'Prometheus text format.', type: 'text/plain' } },
    },
    openapi: {
      summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1.', type: 'application/json' } },
    },
    docs: { summary: 'A page to read this document', answers: PAGE },
    errorDocs: { summary: 'What the types of problem documents mean', answers: PAGE },
    docsScript: null,
    docsStyle: null,
    dashboard: {
      summary: 'The dashboard, a page that uses this API',
      answers: { ...PAGE, 304: { description: 'Not modified.' } },
    },
    dashboardFile: null,
  },
  Backfills: {
    startBackfill: {
      summary: 'Starts copying everything that has not been copied yet',
      body: 'What to copy; or a manifest (names one per line, NDJSON or CSV; may be gzipped), with the options in the query.',
      ...STARTED,
    },
    listBackfills: { summary: 'The latest jobs, newest first', answers: 'The jobs.' },
    getBackfill: { summary: 'One job', ...POLLED },
    pauseBackfill: { summary: 'Pauses the job', ...CONTROL },
    resumeBackfill: { summary: 'Resumes a paused job', ...CONTROL },
    cancelBackfill: { summary: 'Ends the job; what was copied stays', ...CONTROL },
    retryFailedBackfill: { summary: 'Retries what failed', ...CONTROL },
    listBackfillFailures: {
      summary: 'What could not be copied, and why',
      answers:
        'One page; with `format`, all failures as a file that can be the manifest of another backfill.',
    },
    getBackfillSeries: {
      summary: 'The progress of the job over time, in at most 240 intervals of equal length',
      answers: 'The columns.',
    },
    listDeadCopies: {
      summary: 'Copies and events that failed even after retries, and why; newest first',
      description:
        'The latest 1000 are kept. A name is listed until a later attempt succeeds, such as `POST migrate`, or until the primary has something else: each listed name is looked up there by a HEAD, and no longer listed once it was copied, stored or deleted since.',
      answers: 'The copies.',
      problems: [501],
    },
  },
  Mirrors: {
    resyncMirror: {
      summary: 'Starts making a mirror equal to the primary',
      description:
        'The job is a backfill whose `mirror` is set: the routes of backfills show and control it. Each name that differs is copied to the mirror, or deleted there if the primary has deleted it. Names that only the mirror has are left alone.',
      ...STARTED,
      problems: [404],
    },
  },
  Verifications: {
    startVerification: { summary: 'Starts comparing every object on both sides', ...STARTED },
    listVerifications: { summary: 'The latest jobs, newest first', answers: 'The jobs.' },
    getVerification: { summary: 'One job, and whether the fallbacks can be detached', ...POLLED },
    checkCertificate: {
      summary: 'Whether this deployment has issued a certificate, and whether it is unchanged',
      body: 'The JSON of a completed verification.',
      answers: 'The result.',
    },
    listDifferences: {
      summary:
        'Examples of objects that are missing, different, extra, changed, damaged, repaired, left out or equal by size only',
      answers: 'One page.',
    },
    getVerificationReport: {
      summary: 'The certificate as a page to read and keep',
      answers: { 200: { description: 'A page without scripts.', type: 'text/html' } },
    },
    cancelVerification: { summary: 'Ends the job', ...JOB },
  },
}

/** HEAD and OPTIONS of media. The table of routes has no entries for them, since every GET route answers HEAD and every path OPTIONS. */
export const MEDIA_EXTRAS = {
  head: {
    id: 'headObject',
    summary: 'The headers of GET; opens no body anywhere and copies nothing',
    headers: CONDITIONS,
    answers: {
      200: { description: 'The headers.', headers: [...REPRESENTATION, 'Content-Length'] },
      304: { description: 'Not modified.' },
    },
    problems: [404, 412, ...READ_PROBLEMS],
  },
  options: {
    id: 'optionsObject',
    summary: 'Lists the methods, and answers CORS preflights',
    answers: { 204: { description: 'Allowed methods.', headers: ['Allow'] } },
  },
} as const satisfies Record<string, Operation & { id: string }>
