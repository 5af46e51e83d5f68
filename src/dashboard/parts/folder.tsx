import { NO_FOLDERS } from '../format.ts'
import { formatRoute } from '../route.ts'
import { Name } from './name.tsx'

/** A folder that a figure is about, as a link to it where it can be browsed. */
export function FolderLink({ prefix, max = 40 }: { prefix: string; max?: number }) {
  const folder = <Folder prefix={prefix} max={max} />
  if (NO_FOLDERS.has(prefix)) return folder
  return <a href={formatRoute({ view: 'browse', prefix, filter: '' })}>{folder}</a>
}

/** The same without a link. */
export function Folder({ prefix, max = 40 }: { prefix: string; max?: number }) {
  const words = NO_FOLDERS.get(prefix)
  return words === undefined ? <Name name={prefix} max={max} /> : <span class="muted">{words}</span>
}
