const themes = ['auto', 'light', 'dark'] as const
type Theme = (typeof themes)[number]

const current = (): Theme => {
  const { theme } = document.documentElement.dataset
  return theme === 'light' || theme === 'dark' ? theme : 'auto'
}

/** Switches between auto, light and dark, and stores the choice. Calls `changed`, also when the system's theme changes. */
export const themeButton = (button: HTMLElement, changed: () => void): void => {
  const choose = (theme: Theme): void => {
    if (theme === 'auto') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
    button.textContent = `Theme: ${theme}`
    try {
      localStorage.setItem('theme', theme)
    } catch {
      // Storage is refused: the choice lasts as long as the page.
    }
    changed()
  }
  button.textContent = `Theme: ${current()}`
  button.addEventListener('click', () => {
    choose(themes[(themes.indexOf(current()) + 1) % themes.length] ?? 'auto')
  })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', changed)
}
