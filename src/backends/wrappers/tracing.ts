import type { Backend } from '../../storage/backend.ts'

/** The runtime's custom spans (`tracing.enterSpan` of `cloudflare:workers`). */
export type EnterSpan = <T>(name: string, callback: (span: SpanAttributes) => T) => T

interface SpanAttributes {
  setAttribute(key: string, value: string): unknown
}

/** One span for each operation, named after the method and bearing the backend's name: the chain as a trace shows it. */
export function withTracing(backend: Backend, enterSpan: EnterSpan): Backend {
  const { name: backendName, put, delete: remove, list } = backend
  const traced = <T>(method: string, operation: () => T): T =>
    enterSpan(`fallback-storage.${method}`, (span) => {
      span.setAttribute('fallback_storage.backend', backendName)
      return operation()
    })
  return {
    ...backend,
    get: (name, options) => traced('get', () => backend.get(name, options)),
    head: (name, options) => traced('head', () => backend.head(name, options)),
    ...(put && { put: (name, body, options) => traced('put', () => put(name, body, options)) }),
    ...(remove && { delete: (name) => traced('delete', () => remove(name)) }),
    ...(list && { list: (options) => traced('list', () => list(options)) }),
  }
}
