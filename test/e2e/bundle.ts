import { bundle as build } from '../../bench/bundle.ts'

let bundled: Promise<string> | undefined

/** The Worker as one readable module, made once per process. */
export function bundle(): Promise<string> {
  bundled ??= build('src/index.ts', { minify: false })
  return bundled
}
