import type { Backend } from '../storage/backend.ts'

/** The part of the runtime's `tracing` (`cloudflare:workers`) that is used. */
export interface Tracer {
  enterSpan<T>(name: string, callback: (span: SpanAttributes) => T): T
  /** Since 2026-09-25. Outside of custom spans it is that of the whole invocation. */
  getActiveSpan?(): { readonly isTraced: boolean } | undefined
}

interface SpanAttributes {
  setAttribute(key: string, value: string): unknown
}

/** One span for each operation of a request that is traced, named after the method and bearing the backend's name: the chain as a trace shows it. */
export function withTracing(backend: Backend, tracer: Tracer): Backend {
  const { name: backendName, put, delete: remove, list } = backend
  const traced = <T>(method: string, operation: () => T): T => {
    // A span that nobody records costs more than the rest of the chain.
    if (tracer.getActiveSpan && !tracer.getActiveSpan()?.isTraced) return operation()
    return tracer.enterSpan(`fallback-storage.${method}`, (span) => {
      span.setAttribute('fallback_storage.backend', backendName)
      return operation()
    })
  }
  return {
    ...backend,
    get: (name, options) => traced('get', () => backend.get(name, options)),
    head: (name, options) => traced('head', () => backend.head(name, options)),
    ...(put && { put: (name, body, options) => traced('put', () => put(name, body, options)) }),
    ...(remove && { delete: (name) => traced('delete', () => remove(name)) }),
    ...(list && { list: (options) => traced('list', () => list(options)) }),
  }
}
