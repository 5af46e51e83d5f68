import { formatCount, formatPercent, NO_FOLDERS } from '../format.ts'
import { formatRoute } from '../route.ts'
import { FolderLink } from './folder.tsx'
import { Name, visible } from './name.tsx'
import { layoutTreemap, type Part } from './treemap-data.ts'

/** Fewer prefixes are read more easily as bars. */
const MIN_TILES = 8

/** How much of each prefix is covered. Areas, or bars, are the numbers of objects; what is filled is covered. */
export function Treemap({ label, parts }: { label: string; parts: readonly Part[] }) {
  if (parts.length < MIN_TILES) return <Bars label={label} parts={parts} />
  return (
    <ul class="treemap" aria-label={label}>
      {layoutTreemap(parts).map(({ left, top, width, height, prefixes, ...part }) => (
        <li
          key={prefixes > 1 ? '/' : part.prefix}
          style={{ left: `${left}%`, top: `${top}%`, width: `${width}%`, height: `${height}%` }}
        >
          <Tile part={part} prefixes={prefixes} />
        </li>
      ))}
    </ul>
  )
}

function Tile({ part, prefixes }: { part: Part; prefixes: number }) {
  const share = part.covered / part.objects
  const label = prefixes > 1 ? `${prefixes} smaller folders` : NO_FOLDERS.get(part.prefix)
  const title = `${label ?? visible(part.prefix)}: ${formatPercent(share)} of ${formatCount(part.objects)}`
  const content = (
    <>
      <span class="treemap-fill" style={{ height: `${share * 100}%` }} />
      <span class="treemap-text">
        {label ?? <Name name={part.prefix} max={40} />}{' '}
        <span class="treemap-figures">
          {formatPercent(share)} of {formatCount(part.objects)}
        </span>
      </span>
    </>
  )
  if (label !== undefined)
    return (
      <div class="treemap-tile" title={title}>
        {content}
      </div>
    )
  return (
    <a
      class="treemap-tile"
      title={title}
      href={formatRoute({ view: 'browse', prefix: part.prefix, filter: '' })}
    >
      {content}
    </a>
  )
}

function Bars({ label, parts }: { label: string; parts: readonly Part[] }) {
  const most = Math.max(1, ...parts.map(({ objects }) => objects))
  return (
    <ul class="coverage-bars" aria-label={label}>
      {parts.map(({ prefix, objects, covered }) => (
        <li key={prefix}>
          <FolderLink prefix={prefix} />
          <span class="number small">
            {formatPercent(objects === 0 ? 1 : covered / objects)} of {formatCount(objects)}
          </span>
          <span class="coverage-bar" style={{ width: `${(objects / most) * 100}%` }} aria-hidden="true">
            <span style={{ width: `${(covered / Math.max(1, objects)) * 100}%` }} />
          </span>
        </li>
      ))}
    </ul>
  )
}
