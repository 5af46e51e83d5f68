import type { ComponentType } from 'preact'
import { signal } from '@preact/signals'
import { Loading } from './parts/page.tsx'
import { Problem } from './parts/problem.tsx'

const RELOADED = 'reloaded-for-chunk'

/** A view in a chunk of its own, loaded when it is first shown. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  const loaded = signal<ComponentType<Props> | undefined>(undefined)
  const failure = signal<unknown>(undefined)
  let started = false
  const start = async (): Promise<void> => {
    try {
      loaded.value = await load()
      sessionStorage.removeItem(RELOADED)
    } catch (error) {
      // After a deployment the chunks have other names, so the page itself is old.
      if (sessionStorage.getItem(RELOADED) === null) {
        sessionStorage.setItem(RELOADED, '1')
        location.reload()
      } else failure.value = error
    }
  }
  return function Lazy(props: Props) {
    if (!started) {
      started = true
      void start()
    }
    if (failure.value !== undefined) return <Problem error={failure.value} retry={() => location.reload()} />
    const View = loaded.value
    return View ? <View {...props} /> : <Loading />
  }
}
