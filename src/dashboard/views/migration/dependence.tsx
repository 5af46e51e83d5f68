import { useSignal } from '@preact/signals'
import type { Dependence as Answer } from '../../../client/client.ts'
import { formatAgo, formatCount, plural } from '../../format.ts'
import { FolderLink } from '../../parts/folder.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Loading, Stale } from '../../parts/page.tsx'
import { Segmented } from '../../parts/segmented.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'
import { Missing } from './missing.tsx'
import { ReadsPlot } from './reads-plot.tsx'
import { describeReads, describeShadows, quietOf, type Span, SPANS } from './reads.ts'

type Fallback = Answer['fallbacks'][number]

/** What is read from each fallback, how long it has been quiet, and whether the copies are still what their sources are. */
export function Dependence() {
  const span = useSignal<Span['id']>('week')
  const { data, error, at, reload } = usePoll('dependence', client.dependence, { every: 30_000 })
  return (
    <section class="card stack" aria-labelledby="dependence-title">
      <header class="card-head">
        <h2 id="dependence-title">Who still needs the old storage</h2>
        {data && (
          <div class="actions">
            <Segmented
              label="Time of the plot"
              choices={SPANS}
              chosen={span.value}
              onChoose={(chosen) => (span.value = chosen)}
            />
          </div>
        )}
      </header>
      {!data && (error === undefined ? <Loading /> : <Missing error={error} retry={reload} />)}
      {data && (
        <>
          <Stale at={at} error={error} />
          <div class="reads-plot">
            {SPANS.map((one) => one.id === span.value && <ReadsPlot key={one.id} span={one} />)}
          </div>
          <ul class="fallbacks columns">
            {data.fallbacks.map((fallback) => (
              <FallbackUse key={fallback.name} fallback={fallback} />
            ))}
          </ul>
          <Shadows answer={data} />
        </>
      )}
    </section>
  )
}

function FallbackUse({ fallback }: { fallback: Fallback }) {
  const { name, role, last_read: last, prefixes } = fallback
  const { figure, text, tone } = quietOf(fallback)
  return (
    <li>
      <h3>
        {name} {role === 'mirror' && <span class="muted small">mirror</span>}
      </h3>
      <p class={`tone-${tone} quiet`}>
        <b class="big-figure">{figure}</b> {text}
      </p>
      <p class="small">{describeReads(fallback)}</p>
      {last && (
        <p class="small">
          <span class="muted">Last read {formatAgo(last.at)}</span>{' '}
          {last.name !== null && (
            <a href={formatRoute({ view: 'object', name: last.name })}>
              <Name name={last.name} max={44} />
            </a>
          )}
        </p>
      )}
      {prefixes.length > 0 && <Prefixes prefixes={prefixes} />}
    </li>
  )
}

const SHOWN = 5

function Prefixes({ prefixes }: Pick<Fallback, 'prefixes'>) {
  const isWhole = useSignal(false)
  const most = Math.max(...prefixes.map(({ reads }) => reads))
  const more = prefixes.length - SHOWN
  return (
    <>
      <p class="muted small">Reads of the last week by folder</p>
      <ul class="bars">
        {prefixes.slice(0, isWhole.value ? undefined : SHOWN).map(({ prefix, reads, last_read: last }) => (
          <li key={prefix} class="prefix-bar" title={`last read ${formatAgo(last)}`}>
            <FolderLink prefix={prefix} />
            <span class="meter tone-warn" aria-hidden="true">
              <span style={{ width: `${(reads / most) * 100}%` }} />
            </span>
            <b class="number">{formatCount(reads)}</b>
          </li>
        ))}
      </ul>
      {more > 0 && !isWhole.value && (
        <button type="button" class="more" onClick={() => (isWhole.value = true)}>
          Show {plural(more, 'more folder')}
        </button>
      )}
    </>
  )
}

function Shadows({ answer }: { answer: Answer }) {
  const { tone, icon, text } = describeShadows(answer)
  return (
    <div class={`notice tone-${tone}`}>
      <Icon name={icon} />
      <div>
        {text}
        {answer.mismatches.length > 0 && (
          <details>
            <summary>The latest that differed</summary>
            <ul class="names">
              {answer.mismatches.map(({ name, backend, detail, at }) => (
                <li key={`${at} ${name}`}>
                  <a href={formatRoute({ view: 'object', name })}>
                    <Name name={name} max={120} />
                  </a>
                  <span class="muted small">
                    {formatAgo(at)}, {backend}: {detail}
                  </span>
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </div>
  )
}
