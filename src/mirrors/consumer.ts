import { delayAfter } from '../migration/copy-consumer.ts'
import { describeError, log, stackOf } from '../observe/log.ts'
import { StorageError } from '../storage/errors.ts'
import { mapLimited } from '../storage/map-limited.ts'
import { type Convergence, converge } from './converge.ts'
import { LEASE_MS, type MirrorMessage, type Result, type Taken } from './messages.ts'
import { type Mirrors, openLog } from './mirrors.ts'

/** Makes the mirrors equal in the names of the messages. The log sends again what is not done. */
export async function consumeChanges(
  messages: readonly Message<MirrorMessage>[],
  mirrors: Mirrors,
): Promise<void> {
  if (messages.length === 0) return
  let taken: Taken[]
  try {
    taken = await mirrors.log().take(messages.map(({ body }) => body.name))
  } catch (error) {
    log('warn', 'mirror', { outcome: 'interrupted', reason: describeError(error) })
    for (const message of messages)
      message.retry({ delaySeconds: delayAfter(message.attempts, Math.random()) })
    return
  }
  // What the log does not hear of is sent again when its lease has ended.
  await mapLimited(taken, (one) => convergeTaken(one, mirrors).catch(() => {}))
  for (const message of messages) message.ack()
}

const DEAD = 'the message was dead-lettered: the Worker failed before it could report why'

/** Records the names as failed; they are sent again later. */
export async function consumeDeadChanges(
  messages: readonly Message<MirrorMessage>[],
  mirrorLog: DurableObjectNamespace | undefined,
): Promise<void> {
  for (const message of messages) {
    const { name } = message.body
    log('error', 'mirror', { name, outcome: 'failed', reason: DEAD })
    if (mirrorLog) await openLog(mirrorLog).addDeadLetter(name, DEAD)
    message.ack()
  }
}

/** Makes a mirror equal in a name that is taken, and ends that, whatever comes of it. Throws what `converge` throws. */
export async function convergeTaken(
  taken: Taken,
  { log: open, sources, backends }: Mirrors,
): Promise<Convergence> {
  const { name } = taken
  const mirror = backends.find((backend) => backend.name === taken.mirror)
  // It is no mirror any more, or not yet: while a deployment is rolled out, its changes may be given to the version before.
  if (!mirror) {
    await open().done(taken, { recheck: true })
    return { outcome: 'left', bytes: 0 }
  }
  const lease = new AbortController()
  const lost = (): void => lease.abort(new StorageError('interrupted', 'the lease of the name has ended'))
  const renewing = setInterval(() => {
    void open()
      .keep(taken)
      .then((isKept) => isKept || lost(), lost)
  }, LEASE_MS / 3)
  try {
    const claimDeletion = () => open().claimDeletion(taken)
    const convergence = await converge(name, { sources, mirror, claimDeletion, signal: lease.signal })
    const { outcome } = convergence
    if (outcome !== 'equal') log('info', 'mirror', { mirror: mirror.name, name, ...convergence })
    // KV may answer with what it held a minute ago.
    const recheck = [mirror, ...sources.backends].some(({ type }) => type === 'kv')
    await open().done(taken, { recheck, skipped: outcome === 'skipped' })
    return convergence
  } catch (error) {
    log('warn', 'mirror', {
      mirror: mirror.name,
      name,
      outcome: 'failed',
      reason: describeError(error),
      ...stackOf(error),
    })
    await open().done(taken, { failure: failureOf(error) })
    throw error
  } finally {
    clearInterval(renewing)
  }
}

function failureOf(error: unknown): NonNullable<Result['failure']> {
  if (!(error instanceof StorageError)) return { error: 'unexpected', detail: 'see the log' }
  const first = error.failures[0] ?? error
  const detail = first.backend === undefined ? first.message : `${first.backend}: ${first.message}`
  return { error: first.code, detail, final: first.code === 'locked' }
}
