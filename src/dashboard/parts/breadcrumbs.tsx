import { formatRoute } from '../route.ts'
import { Icon } from './icon.tsx'
import { Name } from './name.tsx'

interface Props {
  /** A folder with its slash, or a name. */
  path: string
}

/** The way from the root to a folder or name, every folder above it a link. */
export function Breadcrumbs({ path }: Props) {
  const steps = stepsTo(path)
  return (
    <span class="breadcrumbs">
      {path === '' ? (
        <span>All media</span>
      ) : (
        <a href={formatRoute({ view: 'browse', prefix: '', filter: '' })} aria-label="All media">
          <Icon name="house" />
        </a>
      )}
      {steps.map(({ segment, prefix }, index) => (
        <span key={prefix} class="breadcrumb">
          <span class="breadcrumb-slash" aria-hidden="true">
            /
          </span>
          {index < steps.length - 1 ? (
            <a href={formatRoute({ view: 'browse', prefix, filter: '' })}>
              <Name name={segment} max={32} />
            </a>
          ) : (
            <Name name={segment} max={48} />
          )}
        </span>
      ))}
    </span>
  )
}

/** Every folder on the way with the prefix that it stands for. An empty segment, as in `a//b`, shows as its slash. */
export function stepsTo(path: string): { segment: string; prefix: string }[] {
  const segments = path.match(/[^/]*\/|[^/]+$/g) ?? []
  let prefix = ''
  return segments.map((segment) => {
    prefix += segment
    return { segment: segment === '/' ? '/' : segment.replace(/\/$/, ''), prefix }
  })
}
