import type { Verification } from './job-answers.ts'

interface Compared {
  primary: string
  fallbacks: readonly string[]
  options: { direction?: Verification['direction'] }
  /** The chain that was compared, if it is known. */
  configuration?: Pick<NonNullable<Verification['certificate']>['configuration'], 'backends'> | undefined
}

/** What a verification compares its fallbacks with, in order: the primary, and what stores what is too large for it. */
export function comparedWith({ primary, fallbacks, options, configuration }: Compared): string[] {
  const backends = configuration?.backends ?? [{ name: primary }]
  return backends
    .filter(
      ({ name, mirror, read_only }) =>
        // In a rollback verification, the fallbacks are those mirrors that were chosen.
        !(options.direction === 'rollback' ? mirror || read_only : fallbacks.includes(name as string)),
    )
    .map(({ name }) => name as string)
}

/** The same for a job as the API returns it: until it is completed, only the primary is known. */
export function placesOf(job: Verification): string[] {
  return comparedWith({ ...job, options: job, configuration: job.certificate?.configuration })
}
