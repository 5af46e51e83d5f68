import { useSignal } from '@preact/signals'
import type { Explanation } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { recoveryOf } from '../../deletion.ts'
import { LastCopy } from '../object/notices.tsx'
import { Chain } from '../../parts/chain.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Empty, Loading, Stale } from '../../parts/page.tsx'
import { Preview } from '../../parts/preview.tsx'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { base, client, may } from '../../session.ts'
import { type Outcome, Step } from './step.tsx'
import { curlCommand, currentStep, describeCacheStatus, type StepId } from './tour-state.ts'

const POLL_MS = 700
/** A copy that takes longer is not waited for. */
const COPY_MS = 15_000

/** The four steps, over the real API and one real picture. */
export function Tour({ name }: { name: string }) {
  const copyingUntil = useSignal(0)
  const isBusy = useSignal(false)
  const done = useSignal({ repeated: false, undeleted: false })
  const outcomes = useSignal<Partial<Record<StepId, Outcome>>>({})
  const { data, error, at, reload } = usePoll(`tour ${name}`, () => client.explain(name), {
    every: ({ migration: { state, last_copy: last } }) => {
      const isCopying = state === 'pending' && last?.outcome !== 'failed' && Date.now() < copyingUntil.value
      return isCopying ? POLL_MS : null
    },
  })
  if (!data) return error === undefined ? <Loading /> : <Problem error={error} retry={reload} />

  const run = async (id: StepId, action: () => Promise<Outcome | undefined>): Promise<void> => {
    isBusy.value = true
    let outcome: Outcome | undefined
    try {
      outcome = await action()
    } catch (failure) {
      outcome = { error: failure }
    }
    outcomes.value = { ...outcomes.value, ...(outcome && { [id]: outcome }) }
    isBusy.value = false
    reload()
  }
  const request = (id: 'request' | 'repeat') =>
    run(id, async () => {
      const field = await requestMedia(name)
      if (id === 'repeat') done.value = { ...done.value, repeated: true }
      else copyingUntil.value = Date.now() + COPY_MS
      return { line: `Cache-Status: ${field}`, words: describeCacheStatus(field) }
    })
  const migrate = () =>
    run('request', async () => {
      const [result] = await client.migrate([name])
      if (result?.outcome === 'failed') throw new Error(result.detail)
      return { line: `"outcome": "${result?.outcome}"`, words: 'No read was needed for it.' }
    })
  const remove = () =>
    run('delete', async () => {
      // The picture is real, and may have changed since it was looked at.
      const reason = whyNoDelete(await client.explain(name))
      if (reason !== null) return { line: 'Nothing was deleted', words: reason }
      await client.delete(name)
      done.value = { ...done.value, undeleted: false }
      const exists = await client.exists(name)
      const words = exists ? 'It is still served.' : 'It is gone, although the old server has it.'
      return { line: `"exists": ${exists}`, words }
    })
  const undelete = () =>
    run('delete', async () => {
      const { restored, backend } = await client.undelete(name)
      done.value = { ...done.value, undeleted: true }
      return { line: `"restored": ${restored}`, words: `${backend ?? 'No backend'} serves it again.` }
    })

  const step = currentStep(data, done.value)
  const media = client.mediaUrl(name)
  const shared = (id: StepId) => ({ id, current: step, outcome: outcomes.value[id] })
  const isDisabled = (id: StepId): boolean => isBusy.value || step !== id
  return (
    <div class="tour">
      <section class="card tour-stage" aria-label="The picture and where it is">
        <Stage explanation={data} />
        <LastCopy explanation={data} onChange={reload} />
        <Stale at={at} error={error} />
      </section>
      <ol class="tour-steps">
        <Step
          {...shared('request')}
          title="Request a picture that only the old server has"
          curl={curlCommand(media)}
          actions={
            <>
              <button
                type="button"
                class={step === 'request' ? 'primary' : ''}
                disabled={isDisabled('request')}
                onClick={() => void request('request')}
              >
                <Icon name="download" /> Request it
              </button>
              {data.migration.state === 'not_migrating' && may('write') && (
                <button type="button" disabled={isDisabled('request')} onClick={() => void migrate()}>
                  <Icon name="arrow-right-left" /> Migrate it now
                </button>
              )}
            </>
          }
        >
          The Worker tries one backend after the other, and sends what the first one has. With copying on
          read, it also stores that in the primary. The preview on this page is no read: looking copies
          nothing.
        </Step>
        <Step
          {...shared('repeat')}
          title="Request it again: it has moved"
          curl={curlCommand(media)}
          actions={
            <button
              type="button"
              class={step === 'repeat' ? 'primary' : ''}
              disabled={isDisabled('repeat')}
              onClick={() => void request('repeat')}
            >
              <Icon name="refresh-cw" /> Request it again
            </button>
          }
        >
          Now the primary has it. The old server gets no request for it any more.
        </Step>
        <Step
          {...shared('delete')}
          title="Delete it: it stays deleted"
          curl={curlCommand(`${base}-/api/delete/${media.slice(base.length)}`, { method: 'DELETE' })}
          actions={
            data.tombstone ? (
              <button
                type="button"
                class="primary"
                disabled={isBusy.value || !may('write')}
                onClick={() => void undelete()}
              >
                <Icon name="undo-2" /> Undelete
              </button>
            ) : (
              <button
                type="button"
                class="danger"
                disabled={isDisabled('delete') || whyNoDelete(data) !== null}
                onClick={() => void remove()}
              >
                <Icon name="trash-2" /> Delete it
              </button>
            )
          }
        >
          A tombstone hides what the old server still has, so that nothing deleted comes back. Everybody gets
          404 until you undelete it. {step === 'delete' && !data.tombstone && whyNoDelete(data)}
        </Step>
        <Step
          {...shared('all')}
          title="Move everything"
          curl={curlCommand(`${base}-/api/backfills`, { method: 'POST', json: { dry_run: true } })}
          actions={
            <>
              <a
                class={step === 'all' ? 'button primary' : 'button'}
                href={formatRoute({ view: 'migration' })}
              >
                <Icon name="arrow-right-left" /> Go to Migration
              </a>
              <a class="button" href="docs">
                <Icon name="file-text" /> API reference
              </a>
            </>
          }
        >
          A dry run counts what has to move and what that costs. Then start the backfill, watch it, and
          verify: the certificate says when the old server can be switched off.
        </Step>
      </ol>
    </div>
  )
}

function Stage({ explanation }: { explanation: Explanation }) {
  const { name, would_serve: serving, backends } = explanation
  const served = backends.find((backend) => backend.name === serving)
  return (
    <>
      <div class="tour-picture">
        {served ? (
          <Preview name={name} contentType={served.content_type} size={served.size} />
        ) : (
          <Empty title={explanation.tombstone ? 'Deleted' : 'No backend serves it'} />
        )}
      </div>
      <p>
        <a href={formatRoute({ view: 'object', name })}>
          <Name name={name} max={80} />
        </a>
      </p>
      <Chain explanation={explanation} travels />
    </>
  )
}

/** A read as any visitor makes it; its Cache-Status. */
async function requestMedia(name: string): Promise<string> {
  // The browser's cache must not answer in the Worker's place.
  const response = await client.open(name, { headers: { 'Cache-Control': 'no-cache' } })
  // The copy of a body that nobody reads would be slow.
  await response.arrayBuffer()
  return response.headers.get('Cache-Status') ?? 'none'
}

/** Why the tour does not delete this picture; null if the delete can be undone. */
function whyNoDelete(explanation: Explanation): string | null {
  if (!may('write')) return 'Your session may not delete (scope write).'
  if (chain.value === undefined)
    return 'Your session may not see whether deletes can be undone (scope admin).'
  if (chain.value.deletes === 'first') return 'Deletes cannot be undone here (FALLBACK_DELETES is "first").'
  return recoveryOf(explanation, chain.value) === 'restorable'
    ? null
    : 'This picture could not be undeleted: no other backend keeps the same (a mirror follows deletes).'
}
