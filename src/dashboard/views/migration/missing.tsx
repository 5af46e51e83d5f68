import { ApiError } from '../../../client/client.ts'
import { Icon } from '../../parts/icon.tsx'
import { Problem } from '../../parts/problem.tsx'

/** Whether the answer is that this deployment does not have it. */
export function isMissing(error: unknown): error is ApiError {
  return error instanceof ApiError && error.status === 501
}

/** Why there is nothing to show: what to bind, or what failed. */
export function Missing({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  if (!isMissing(error)) return <Problem error={error} retry={retry} />
  return (
    <p class="notice tone-idle">
      <Icon name="circle-dashed" /> <span>{error.problem.detail}</span>
    </p>
  )
}
