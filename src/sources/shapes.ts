import * as v from 'valibot'

/** What an event says: a key was written or deleted. Which of the two, only the source can answer. */
export interface SourceEvent {
  key: string
  bucket: string
  /** Milliseconds since 1970; `undefined` if the event does not say. */
  at: number | undefined
}

const time = v.pipe(
  v.optional(v.string(), ''),
  v.transform((text) => {
    const at = Date.parse(text)
    return Number.isNaN(at) ? undefined : at
  }),
)
const object = v.object({ key: v.string() })
const bucket = v.object({ name: v.string() })

/** As AWS, MinIO, RustFS and Ceph send it (docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html). */
const s3Record = v.pipe(
  v.object({
    eventName: v.pipe(
      v.string(),
      v.regex(/^(s3:)?(Object(Created|Removed|Synced)|(Object)?LifecycleExpiration|ObjectLifecycle)\b/),
    ),
    eventSource: v.optional(v.string()),
    eventTime: time,
    s3: v.object({ bucket, object }),
  }),
  // Keys are encoded as in forms, except for those of Ceph (docs.ceph.com/en/latest/radosgw/notifications/).
  v.check(({ eventSource, s3 }) => eventSource === CEPH || isForm(s3.object.key)),
  v.transform(({ eventSource, eventTime, s3 }): SourceEvent => ({
    key: eventSource === CEPH ? s3.object.key : decodeForm(s3.object.key),
    bucket: s3.bucket.name,
    at: eventTime,
  })),
)
const CEPH = 'ceph:s3'

/** docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html */
const eventBridge = v.pipe(
  v.object({
    'detail-type': v.picklist(['Object Created', 'Object Deleted']),
    time,
    detail: v.object({ bucket, object }),
  }),
  v.transform(({ time: at, detail }): SourceEvent => ({
    key: detail.object.key,
    bucket: detail.bucket.name,
    at,
  })),
)

/** developers.cloudflare.com/r2/buckets/event-notifications/ */
const r2 = v.pipe(
  v.object({ action: v.string(), bucket: v.string(), object, eventTime: time }),
  v.transform(({ eventTime: at, ...others }): SourceEvent => ({
    key: others.object.key,
    bucket: others.bucket,
    at,
  })),
)

const EVENT = v.union([s3Record, eventBridge, r2])

/** What distinguishes the messages of each sender, whatever they are about. */
const MESSAGE = v.union([
  v.looseObject({ Records: v.array(v.unknown()) }),
  v.looseObject({ 'detail-type': v.string() }),
  v.looseObject({ action: v.string(), bucket: v.string() }),
  // S3 sends it when notifications are configured.
  v.looseObject({ Event: v.literal('s3:TestEvent') }),
])

/**
 * The events in a sender's message, with `null` for each that is not about an object that was written or deleted;
 * `undefined` if it is the message of no known sender.
 */
export function readEvents(message: unknown): (SourceEvent | null)[] | undefined {
  if (!v.is(MESSAGE, message)) return undefined
  const { Records: records } = message
  return (Array.isArray(records) ? records : [message]).map((one) => {
    const event = v.safeParse(EVENT, one)
    return event.success ? event.output : null
  })
}

function decodeForm(text: string): string {
  return decodeURIComponent(text.replaceAll('+', ' '))
}

function isForm(text: string): boolean {
  try {
    decodeForm(text)
    return true
  } catch {
    return false
  }
}
