import { inject } from 'vitest'

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether tables and properties run at their full size (`--mode full`), as in `npm run test:tables`, `npm run test:s3` and `npm run test:races`. */
    full: boolean
  }
}

/** The full size if everything is run, otherwise the size of the sample for `npm test`. */
export function sized<T>(full: T, sample: T): T {
  return inject('full') ? full : sample
}

/** All rows if everything is run, otherwise every `step`th, always the same ones. */
export function sampled<T>(rows: readonly T[], step: number): readonly T[] {
  return sized(
    rows,
    rows.filter((_, index) => index % step === 0),
  )
}
