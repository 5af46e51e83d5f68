import { marked } from '../call.ts'

/** What is used of a namespace. */
export interface KvBinding {
  open(key: string): Promise<{ value: ReadableStream<Uint8Array> | null; metadata: unknown }>
  put(key: string, value: Uint8Array, options: { metadata: unknown }): Promise<void>
  delete(key: string): Promise<void>
  list(options: KVNamespaceListOptions): Promise<KVNamespaceListResult<unknown>>
}

/** The binding, with the failures of its calls marked as such. */
export function kvBinding(kv: KVNamespace): KvBinding {
  return {
    open: (key) => marked(() => kv.getWithMetadata(key, 'stream')),
    put: (key, value, options) => marked(() => kv.put(key, value, options)),
    delete: (key) => marked(() => kv.delete(key)),
    list: (options) => marked(() => kv.list(options)),
  }
}
