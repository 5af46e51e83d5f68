import type { Backends } from '../client/client.ts'
import { chain, chainError } from './chain.ts'
import { formatAgo, formatTime } from './format.ts'
import { Icon } from './parts/icon.tsx'
import { visible } from './parts/name.tsx'

/** One line that says how the chain is, each part a link to what it is about. */
export function StatusLine() {
  const known = chain.value
  if (chainError.value !== undefined)
    return (
      <p class="status-line tone-bad" role="status">
        <Icon name="circle-alert" /> The state of the chain cannot be loaded.
      </p>
    )
  if (!known) return <p class="status-line" />
  const open = known.backends.filter(({ health }) => health !== undefined && health.state !== 'closed')
  return (
    <p class="status-line">
      <a href="#/health" class="status-chain">
        {known.backends.map(({ name }) => name).join(' ← ')}
      </a>
      <a href="#/migration" class="status-detail">
        {known.migration ? 'copying on read' : 'not copying on read'}
      </a>
      <LastFallbackRead chain={known} />
      <a href="#/health" class={open.length > 0 ? 'tone-bad' : 'tone-good'}>
        <Icon name={open.length > 0 ? 'circle-x' : 'circle-check'} />
        {open.length > 0 ? `${open.map(({ name }) => name).join(', ')} unavailable` : 'no backend is failing'}
      </a>
    </p>
  )
}

function LastFallbackRead({
  chain: { last_fallback_read: last, counted_since: since },
}: {
  chain: Backends
}) {
  if (last === undefined) return null
  if (last === null)
    return (
      <a href="#/migration" class="status-detail">
        no fallback read{since ? ` since ${formatTime(since)}` : ''}
      </a>
    )
  return (
    <a href="#/migration" class="status-detail" title={visible(last.name)}>
      last fallback read {formatAgo(last.at)}
    </a>
  )
}
