import { ApiError, InvalidRequestError } from '../../client/client.ts'
import { Icon } from './icon.tsx'

/** An error in words: what failed, and what each backend said. */
export function Problem({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { title, detail, backends } = describe(error)
  return (
    <section class="notice tone-bad" role="alert">
      <Icon name="circle-alert" />
      <div>
        <strong>{title}</strong>
        <p>{detail}</p>
        {backends.length > 0 && (
          <ul>
            {backends.map(({ name, error: code, detail: why }) => (
              <li key={name}>
                <b>{name}</b>: {code} – {why}
              </li>
            ))}
          </ul>
        )}
        {retry && (
          <button type="button" onClick={retry}>
            <Icon name="refresh-cw" /> Try again
          </button>
        )}
      </div>
    </section>
  )
}

export function describe(error: unknown) {
  if (error instanceof ApiError) {
    const { title, detail, backends = [] } = error.problem
    return { title, detail, backends }
  }
  return {
    title: titleOf(error),
    detail: error instanceof Error ? error.message : String(error),
    backends: [],
  }
}

function titleOf(error: unknown): string {
  if (error instanceof InvalidRequestError) return 'This name cannot be used'
  // `fetch` rejects with it.
  return error instanceof TypeError ? 'The Worker cannot be reached' : 'Something went wrong'
}

/** The error in one line, for a toast. */
export function describeShort(error: unknown): string {
  const { title, detail } = describe(error)
  return `${title}: ${detail}`
}
